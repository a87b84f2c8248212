from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from service.model_store import put_beside
from service.scoring.bundle import CARD, version_of
from tests.conftest import quick_training
from tests.processes import Home, web
from training.model_card import render_card

USE_CASE = "loan_approval"


@pytest.fixture
def put_card(quick_home: Callable[[str], Home]) -> Iterator[Callable[[bytes], None]]:
    """`put_card(page)` puts a card beside the served bundle; it is taken away afterwards."""
    store, tag = quick_home(USE_CASE).bentoml_home, quick_training(USE_CASE).scorer.tag
    yield lambda page: put_beside(tag, {CARD: page}, store)
    (store / "models" / tag.replace(":", "/") / CARD).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def page() -> bytes:
    files = quick_training(USE_CASE).files
    return render_card(files, use_case=USE_CASE, version=version_of(files)).html.encode()


def get(url: str) -> httpx.Response:
    return web.get(f"{url}/model_card", timeout=10)


def test_the_card_beside_the_bundle_is_served_as_it_is(
    served: Callable[[str], str], put_card: Callable[[bytes], None], page: bytes
) -> None:
    put_card(page)
    answer = get(served(USE_CASE))
    assert answer.status_code == 200
    assert answer.content == page
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_no_script_can_run_on_it_and_nothing_is_fetched(
    served: Callable[[str], str], put_card: Callable[[bytes], None], page: bytes
) -> None:
    put_card(page)
    headers = get(served(USE_CASE)).headers
    assert (
        headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


def test_without_a_card_the_next_step_is_said(served: Callable[[str], str]) -> None:
    answer = get(served(USE_CASE))
    tag = quick_training(USE_CASE).scorer.tag
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"no model card is stored beside {tag}; run: aval promote {USE_CASE}"


@pytest.mark.parametrize("name", ["of another version", "in its text alone", "no card at all"])
def test_a_card_of_another_bundle_is_refused(
    served: Callable[[str], str], put_card: Callable[[bytes], None], page: bytes, name: str
) -> None:
    tag = quick_training(USE_CASE).scorer.tag.encode()
    other = page.replace(tag, f"{USE_CASE}:0000000000000000".encode())
    meta = b'<meta name="aval-bundle" content="' + tag + b'">'
    pages = {
        "of another version": other,
        "in its text alone": other.replace(b"</main>", meta + b"</main>"),
        "no card at all": b"\xff\x00",
    }
    put_card(pages[name])
    answer = get(served(USE_CASE))
    assert answer.status_code == 404
    assert "is of another bundle" in answer.json()["detail"]
    assert f"aval promote {USE_CASE}" in answer.json()["detail"]


def test_the_index_lists_the_card(served: Callable[[str], str]) -> None:
    assert "/model_card" in web.get(f"{served(USE_CASE)}/", timeout=10).json()["read"]


def test_the_store_is_asked_at_each_request(
    served: Callable[[str], str], put_card: Callable[[bytes], None], page: bytes
) -> None:
    put_card(page)
    again = page.replace(b"</footer>", b"<p>again</p></footer>")
    put_card(again)
    assert get(served(USE_CASE)).content == again
