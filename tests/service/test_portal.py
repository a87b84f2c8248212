"""The portal's routes and files, without a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from string import Formatter
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from service.portal import MEDIA_TYPES, PAGES, SECURITY_HEADERS, portal_routes, prefers_html, read_pages

INDEX = {"use_case": "credit_risk", "decide": ["/predict"]}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
SCRIPTS = sorted(file.name for file in PAGES.glob("*.js"))
TEXTS: dict[str, dict[str, str]] = json.loads((PAGES / "texts.json").read_text("utf-8"))
LONGEST_MODULE = 250
# Texts whose key is put together: the decision's, the group's, the status's.
COMPOSED = re.compile(r"(group|trouble)_\w+|(approve|refer|decline)(_about)?|aside_about")
# Words that are the same in two of the languages.
SHARED = {"no", "odds", "openapi", "schema"}


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


class Client:
    """Asks the portal's routes, with no server between."""

    def __init__(self) -> None:
        self.transport = httpx.ASGITransport(Starlette(routes=portal_routes(INDEX)))

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url="http://portal") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


@pytest.fixture(scope="module")
def tags() -> list[tuple[str, dict[str, str | None]]]:
    return Tags((PAGES / "index.html").read_text("utf-8")).found


def test_a_browser_gets_the_page_and_a_program_the_facts(client: Client) -> None:
    page = client.get("/", headers={"accept": BROWSER})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    for accept in ("*/*", "application/json", ""):
        facts = client.get("/", headers={"accept": accept})
        assert facts.headers["content-type"] == "application/json"
        assert facts.json() == INDEX


def test_a_cache_is_told_that_the_root_depends_on_what_is_accepted(client: Client) -> None:
    for accept in (BROWSER, "*/*"):
        assert client.get("/", headers={"accept": accept}).headers["vary"] == "accept"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html", True),
        ("TEXT/HTML;level=1", True),
        ("application/json, text/html", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        ("text/*", False),
        ("application/json", False),
    ],
)
def test_the_page_is_for_those_who_name_html_and_like_json_no_better(accept: str, *, page: bool) -> None:
    assert prefers_html(accept) is page


@given(st.text(st.characters(max_codepoint=255)))
def test_any_accept_header_can_be_read(accept: str) -> None:
    assert prefers_html(accept) in (True, False)


@pytest.mark.parametrize("name", sorted(read_pages()))
def test_every_file_has_its_type_and_the_strict_headers(client: Client, name: str) -> None:
    answer = client.get(f"/pages/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES["." + name.rpartition(".")[2]]
    assert answer.content == (PAGES / name).read_bytes()
    assert {header: answer.headers[header] for header in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = SECURITY_HEADERS["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_a_page_that_the_browser_has_is_not_sent_again(client: Client) -> None:
    first = client.get("/pages/portal.js")
    etag = first.headers["etag"]
    again = client.get("/pages/portal.js", headers={"if-none-match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get("/pages/portal.js", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get("/pages/portal.css").headers["etag"] != etag


def test_files_outside_the_folder_are_not_served(client: Client) -> None:
    for path in (
        "/pages/",
        "/pages/other.js",
        "/pages/../portal.py",
        "/pages/%2e%2e%2fportal.py",
        "/pages/x/y",
    ):
        assert client.get(path).status_code == 404, path


def test_pages_can_only_be_read(client: Client) -> None:
    assert client.get("/pages/portal.js", method="POST").status_code == 405
    assert client.get("/pages/portal.js", method="HEAD").content == b""


def test_the_page_holds_no_script_no_style_and_no_foreign_address(
    tags: list[tuple[str, dict[str, Any]]],
) -> None:
    names = [tag for tag, _ in tags]
    assert "style" not in names
    assert [attributes.get("src") for tag, attributes in tags if tag == "script"] == ["pages/portal.js"]
    for tag, attributes in tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src"):
            # Relative: the portal may stand behind a load balancer under another path.
            assert not re.match(r"/|\w+:", attributes.get(name) or ""), attributes


def test_no_script_names_another_host_or_writes_markup() -> None:
    for name in SCRIPTS:
        script = (PAGES / name).read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", script), name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script
        )


def test_modules_stay_short() -> None:
    lines = {name: len((PAGES / name).read_text("utf-8").splitlines()) for name in SCRIPTS}
    assert all(count <= LONGEST_MODULE for count in lines.values()), lines


def test_every_language_has_every_text_with_the_same_places() -> None:
    assert set(TEXTS) == {"en", "es", "pt"}
    for language, texts in TEXTS.items():
        assert list(texts) == list(TEXTS["en"]), language
        for key, text in texts.items():
            assert text.strip() == text != "", (language, key)
            assert _places(text) == _places(TEXTS["en"][key]), (language, key)


def test_texts_are_translated() -> None:
    for language in ("es", "pt"):
        same = {key for key, text in TEXTS[language].items() if text == TEXTS["en"][key]}
        assert same <= SHARED, language


def test_every_text_that_is_named_exists_and_every_text_is_named(
    tags: list[tuple[str, dict[str, Any]]],
) -> None:
    named = {
        attributes[name]
        for _, attributes in tags
        for name in ("data-text", "data-label")
        if name in attributes
    }
    sources = "\n".join((PAGES / name).read_text("utf-8") for name in SCRIPTS)
    said = set(re.findall(r"\bsay\('(\w+)'", sources))
    assert named | said <= set(TEXTS["en"])
    quoted = set(re.findall(r"'(\w+)'", sources))
    assert {key for key in TEXTS["en"] if key not in named | quoted and not COMPOSED.fullmatch(key)} == set()


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
