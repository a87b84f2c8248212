"""The pages for people, held in memory: the portal at `/`, where programs get JSON, and the dashboard."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PAGES = Path(__file__).parent / "pages"
PORTAL, DASHBOARD = "index.html", "dashboard.html"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# Nothing inline and nothing from elsewhere: whatever a record or an answer says, it stays text.
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One static file: its bytes, what they are, and the strong ETag that names them."""

    body: bytes
    media_type: str
    etag: str


def read_pages(folder: Path = PAGES) -> dict[str, Page]:
    """Return the pages of a folder by file name; other kinds of files are left out."""
    return {
        file.name: _page(file.read_bytes(), MEDIA_TYPES[file.suffix])
        for file in sorted(folder.iterdir())
        if file.suffix in MEDIA_TYPES
    }


def portal_routes(index: Mapping[str, Any]) -> list[Route]:
    """Return the routes of the pages: `/` answers a browser with the portal and others with `index` as JSON."""
    pages = read_pages()

    def root(request: Request) -> Response:
        wants_page = prefers_html(request.headers.get("accept", ""))
        answer = _answer(request, pages[PORTAL]) if wants_page else JSONResponse(dict(index))
        answer.headers["vary"] = "accept"
        return answer

    def page(request: Request) -> Response:
        return _answer(request, pages[request.url.path.rpartition("/")[2]])

    def dashboard(request: Request) -> Response:
        return _answer(request, pages[DASHBOARD])

    # A route for each name: whatever is no page falls through to the server's own 404.
    return [
        Route("/", root),
        Route("/dashboard", dashboard),
        *(Route(f"/pages/{name}", page) for name in pages),
    ]


def prefers_html(accept: str) -> bool:
    """Whether an Accept header names text/html, and no kind of JSON that it would rather have.

    A wildcard is no wish for a page: programs send it without looking.
    """
    wishes = dict(_wish(part) for part in accept.lower().split(","))
    return wishes.get("text/html", 0.0) > 0 and wishes["text/html"] >= wishes.get("application/json", 0.0)


def _wish(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((item[2:] for item in parameters if item.startswith("q=")), "1")
    return kind, float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 0.0


def _page(body: bytes, media_type: str) -> Page:
    return Page(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _answer(request: Request, page: Page) -> Response:
    headers = {**SECURITY_HEADERS, "etag": page.etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {page.etag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type=page.media_type, headers=headers)
