"""The portal behind keys: a real server that asks for them, and a browser that sends one as a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from tests.e2e.portal_page import opened
from tests.processes import Home, web

SCOPES: dict[str, tuple[str, ...]] = {"clerk": ("read", "predict"), "reader": ("read",)}


@dataclass(frozen=True)
class Guarded:
    """A server that asks for keys, its file of keys, and their secrets by the names of those who have them."""

    url: str
    file: Path
    secrets: dict[str, str]

    def credentials(self, name: str) -> dict[str, str]:
        """What a person enters when the browser asks; the user's name is not looked at."""
        return {"username": name, "password": self.secrets[name]}


@pytest.fixture(scope="module")
def guarded(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server of loan approval with the keys of a clerk and of a reader."""
    secrets = {name: new_secret() for name in SCOPES}
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_bytes(_keys(secrets))
    with quick_home("loan_approval").serve("loan_approval", AVAL_API_KEYS=str(file)) as url:
        yield Guarded(url, file, secrets)


def test_without_a_key_the_browser_is_asked_for_one(guarded: Guarded) -> None:
    answer = web.get(f"{guarded.url}/", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "Basic" in answer.headers["www-authenticate"]


def test_with_a_key_as_the_password_a_clerk_decides(browser: Any, guarded: Guarded) -> None:
    with opened(browser, guarded.url, http_credentials=guarded.credentials("clerk")) as portal:
        portal.decide_and_explain()
        assert portal.text(".verdict .word") in ("Approve", "Refer", "Decline")


def test_a_key_that_only_reads_shows_the_form_and_says_why_it_cannot_decide(
    browser: Any, guarded: Guarded
) -> None:
    with opened(browser, guarded.url, http_credentials=guarded.credentials("reader")) as portal:
        portal.page.click("#decide")
        notice = portal.page.locator("#trouble-record [role=alert]")
        notice.wait_for()
        assert notice.inner_text().startswith("This key may read, but not ask for decisions.")


def test_a_key_that_is_revoked_meanwhile_is_told_and_the_form_stays(browser: Any, guarded: Guarded) -> None:
    with opened(browser, guarded.url, http_credentials=guarded.credentials("clerk")) as portal:
        portal.fill({"income": 12345})
        guarded.file.write_bytes(_keys({"reader": guarded.secrets["reader"]}))
        # The server looks at the file once a second.
        portal.page.wait_for_timeout(1200)
        portal.page.click("#decide")
        notice = portal.page.locator("#trouble-record [role=alert]")
        notice.wait_for()
        assert notice.inner_text().startswith("The service asks for a key.")
        assert portal.field("income").locator("input").input_value() == "12345"


def _keys(secrets: dict[str, str]) -> bytes:
    made = datetime.now(UTC)
    return keys_json(
        [ApiKey(new_id(), name, digest_of(secret), SCOPES[name], made) for name, secret in secrets.items()]
    )
