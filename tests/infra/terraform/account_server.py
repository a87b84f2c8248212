"""Run moto for Terraform, on 127.0.0.1: `python -m tests.infra.terraform.account_server PORT KEPT_BUCKET`.

`/hold` answers once nothing is in work any more; from then on until `/release` all else is turned away with 503, but
for what asks for the kept bucket.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any


class Entrance:
    """The way to an application: whoever is let in is seen to come out."""

    def __init__(self, application: Callable[..., Iterable[bytes]], kept: str) -> None:
        self._application, self._kept = application, f"/{kept}"
        self._held, self._within = False, 0
        self._changed = threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if path in ("/hold", "/release"):
            self._hold(path == "/hold")
            start_response("204 No Content", [])
            return []
        with self._changed:
            if self._held and not path.startswith(self._kept):
                start_response("503 Service Unavailable", [("Content-Length", "0")])
                return []
            self._within += 1
        try:
            return list(self._application(environ, start_response))
        finally:
            with self._changed:
                self._within -= 1
                self._changed.notify_all()

    def _hold(self, held: bool) -> None:
        with self._changed:
            self._held = held
            if held:
                self._changed.wait_for(lambda: self._within == 0)


def main(port: int, kept: str) -> None:
    """Serve until the process is ended."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    # Services count as started at once, with the tasks that they are made with.
    os.environ["MOTO_ECS_SERVICE_RUNNING"] = "2"
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from tests.infra.terraform.lacking import ADDITIONS

    for add in ADDITIONS:
        add()
    entrance = Entrance(DomainDispatcherApplication(create_backend_app), kept)
    make_server(
        "127.0.0.1", port, entrance, threaded=True, request_handler=MotoRequestHandler
    ).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
