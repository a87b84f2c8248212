"""The path under which a load balancer sends requests to this service, where it has several by path."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Mount:
    """Takes the path of the service off a request's; what comes without it, as health checks do, stays as it is.

    The path alone is answered by a redirect to the same with a slash, for what the portal names is beside that.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        asked = scope.get("path", "")
        if asked == self._path and scope["type"] == "http":
            await RedirectResponse(f"{self._path}/", 308)(scope, receive, send)
        elif asked.startswith(f"{self._path}/"):
            await self.app({**scope, **self._without_path(scope)}, receive, send)
        else:
            await self.app(scope, receive, send)

    def _without_path(self, scope: Scope) -> Scope:
        # The path is plain ASCII, so that it is as long in the raw form.
        raw = scope.get("raw_path") or b""
        return {"path": scope["path"][len(self._path) :], "raw_path": raw[len(self._path) :]}
