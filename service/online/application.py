"""BentoML's application of a service, without the layers that ours replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _bentoml_impl.server.app import ContextMiddleware, ServiceAppFactory
from _bentoml_sdk import Service
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.online.tasks.door import TaskDoor


class LeanService(Service[Any]):
    """A service whose methods take a request and return a response, and are called with nothing in between.

    spans: whether each request is a span. tasks: what answers for the service's tasks, in the place of BentoML's store
    of them. Left out are BentoML's timer, which keeps each request's memory until its time has passed, its context, and
    its reading and writing of bodies; the reasons are in `.github/decisions/2026-11-21-own-middleware.md`.
    """

    spans: bool = False
    tasks: TaskDoor

    def needs_task_db(self) -> bool:
        """Say no: BentoML's store of tasks is not used, and would be emptied at every start."""
        return False

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return the application."""
        self.inject_config()
        return _LeanFactory(self, is_main=is_main)()


class _LeanFactory(ServiceAppFactory):
    def __init__(self, service: LeanService, is_main: bool) -> None:
        super().__init__(service, is_main=is_main)
        self.timeout = None
        self._tasks = service.tasks
        self._dropped = {ContextMiddleware} | (set() if service.spans else {OpenTelemetryMiddleware})

    async def submit_task(self, name: str, request: Request) -> Response:
        return await self._tasks.submit(request)

    async def get_status(self, request: Request) -> Response:
        return await self._tasks.status(request)

    async def get_result(self, request: Request) -> Response:
        return await self._tasks.result(request)

    async def retry_task(self, request: Request) -> Response:
        return await self._tasks.retry(request)

    async def cancel_task(self, request: Request) -> Response:
        return await self._tasks.cancel(request)

    @property
    def middlewares(self) -> list[Middleware]:
        kept = [item for item in super().middlewares if item.cls not in self._dropped]
        doors = {api.route: _Door(self, name) for name, api in self.service.apis.items()}
        return [*kept, Middleware(_Shortcut, doors=doors)]

    @property
    def routes(self) -> list[BaseRoute]:
        doors = {name: _Door(self, name) for name in self.service.apis}
        ours = [
            Route(api.route, doors[name], methods=["POST"], name=name)
            for name, api in self.service.apis.items()
        ]
        # Ours first: the router looks at one after the other.
        return [*ours, *(route for route in super().routes if getattr(route, "name", None) not in doors)]


class _Shortcut:
    """Takes what is asked of a method past the router, which stays for everything else."""

    def __init__(self, app: ASGIApp, doors: Mapping[str, ASGIApp]) -> None:
        self.app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        posted = scope["type"] == "http" and scope["method"] == "POST"
        door = self._doors.get(scope["path"]) if posted else None
        await (door or self.app)(scope, receive, send)


class _Door:
    """Calls one method of the service."""

    def __init__(self, factory: _LeanFactory, name: str) -> None:
        self._factory = factory
        self._answer = factory.service.apis[name].func

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(self._factory._service_instance, Request(scope, receive, send))
        await response(scope, receive, send)
