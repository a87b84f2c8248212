"""The dashboard in a real browser, on a small server that answers with made-up figures of the published shape."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from service.portal import PAGES, SECURITY_HEADERS, read_pages
from tests.e2e.dashboard_figures import Body, made_up

READY = "main[aria-busy=false]"
WIDE, NARROW = 1440, 360
# What a forgotten case looks like in a page.
BROKEN = re.compile(r"\b(undefined|NaN|null%|Infinity)\b|\[object|could not be drawn")


@dataclass
class Service:
    """A server of the dashboard: what it answers can be set, and what it was asked is kept."""

    url: str = ""
    status: int = 200
    body: Any = None
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def refuse(self, status: int, **problem: Any) -> None:
        """Answer with a problem from now on."""
        self.status, self.body = (
            status,
            {"title": "Problem", "status": status, "request_id": "r-1", **problem},
        )


@dataclass
class Dashboard:
    """An opened dashboard."""

    page: Any
    service: Service
    complaints: list[str] = field(default_factory=list)

    def open(self, body: Body | None = None) -> None:
        """Load the page anew, with these figures or those that the service has, and wait until they are there."""
        if body is not None:
            self.service.body = body
        self.page.goto(f"{self.service.url}/dashboard")
        self.page.wait_for_selector(READY)
        self.settle()

    def text(self, selector: str) -> str:
        """The text that is seen in the first element of a selector."""
        return str(self.page.locator(selector).first.inner_text())

    def renew(self, body: Body) -> None:
        """Have the page look again, and wait until it shows the figures under their own title."""
        self.service.body = body
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.wait_until(f"document.querySelector('h1').textContent === {json.dumps(body['title'])}")

    def open_all(self) -> None:
        """Open everything that can be opened."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        self.wait_until("[...document.querySelectorAll('details')].every(one => one.children.length > 1)")
        # What was opened may hold something to be opened.
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        self.settle()

    def wait_until(self, condition: str, seconds: float = 10) -> None:
        """Wait until a condition holds; Playwright's own way of asking is against the policy of the pages."""
        end = monotonic() + seconds
        while not self.page.evaluate(condition):
            assert monotonic() < end, f"{condition} after {seconds} seconds"
            self.page.wait_for_timeout(20)

    def settle(self) -> None:
        """Wait until drawings have found their widths."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def show_all(self) -> None:
        """Make the window as high as the page, so that nothing floats over anything."""
        self.settle()
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": height})
        self.settle()


@contextmanager
def serving(body: Any = None) -> Iterator[Service]:
    """Serve the pages with the headers of the service, and `body` at /dashboard.json."""
    service = Service(body=made_up() if body is None else body)
    service.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.gate.set()
        server.shutdown()
        server.server_close()


@contextmanager
def opened(browser: Any, service: Service, width: int = WIDE, **options: Any) -> Iterator[Dashboard]:
    """A window of its own with the dashboard in it, whose figures are there or refused."""
    chosen = {"locale": "en-GB", "color_scheme": "light", **options}
    context = browser.new_context(viewport={"width": width, "height": 900}, **chosen)
    context.set_default_timeout(15_000)
    dashboard = Dashboard(context.new_page(), service)
    dashboard.page.on("console", lambda message: dashboard.complaints.append(message.text))
    dashboard.page.on("pageerror", lambda error: dashboard.complaints.append(str(error)))
    try:
        dashboard.open()
        yield dashboard
    finally:
        context.close()


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    pages = read_pages(PAGES)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/dashboard.json":
                service.asked.append(urlsplit(self.path).query)
                service.gate.wait(20)
                self._send(service.status, "application/json", json.dumps(service.body).encode())
            elif (
                page := pages.get("dashboard.html" if path == "/dashboard" else path.removeprefix("/pages/"))
            ) is not None:
                self._send(200, page.media_type, page.body)
            else:
                self._send(404, "text/plain", b"")

        def _send(self, status: int, media_type: str, body: bytes) -> None:
            self.send_response(status)
            for name, value in {**SECURITY_HEADERS, "content-type": media_type}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
