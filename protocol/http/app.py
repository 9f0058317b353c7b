"""The HTTP application: `/healthz`, `/metrics`, the files of runs, and what façades answer over HTTP.

1. `/healthz` is open to all; everything else asks for what gRPC asks for.
2. Where no token is asked for, pages of other sites may change nothing: browsers on this machine reach the
   port, whoever wrote the page, and say so of what they send. A page whose own name was made to lead here is
   told by that name: on a loopback address it is refused everything.
3. Errors are JSON: `{"error": {"code": 404, "message": "…"}}`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from protocol.auth import Authenticator, Unauthenticated, enter
from protocol.http.files import RunFiles, refuse

OPEN = frozenset({"/healthz"})
"""Paths that need no token."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ELSEWHERE = frozenset({(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"same-site")})
"""Headers by which browsers tell that another site's page asks."""

HERE = re.compile(rb"(?:(?:[^:/]+\.)?localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?\Z", re.IGNORECASE)
"""Hosts that nobody but this machine, or its network, can have been asked for: no name of somebody else's."""


@runtime_checkable
class Routed(Protocol):
    """A servicer that answers over HTTP, too."""

    @property
    def routes(self) -> Sequence[Route]:
        """What it answers, below paths of its own."""


class Door:
    """Lets callers in. `is_loopback` tells that only this machine reaches it."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, *, is_loopback: bool) -> None:
        self._app = app
        self._authenticator = authenticator
        self._is_loopback = is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            if not self._authenticator.asks_for_tokens and (reason := self._from_elsewhere(scope)):
                await refuse(403, reason)(scope, receive, send)
                return
            headers = ((name.decode("latin-1"), value) for name, value in scope["headers"])
            match self._authenticator.authenticate(headers):
                case Unauthenticated(reason):
                    refusal = refuse(401, reason)
                    refusal.headers["www-authenticate"] = "Bearer"
                    await refusal(scope, receive, send)
                    return
                case principal:
                    enter(principal)
        await self._app(scope, receive, send)

    def _from_elsewhere(self, scope: Scope) -> str:
        """Say why a browser may have been sent here by somebody else's page, empty if it was not."""
        if scope["method"] not in SAFE and not ELSEWHERE.isdisjoint(map(tuple, scope["headers"])):
            return "a page of another site may not ask for this"
        names = (value for name, value in scope["headers"] if name == b"host")
        if self._is_loopback and not all(HERE.match(name) for name in names):
            return "host: must be localhost or an address, because no token is asked for"
        return ""


def build_app(
    *,
    is_serving: Callable[[], bool],
    revision: Callable[[], int],
    registry: CollectorRegistry,
    files: RunFiles,
    authenticator: Authenticator,
    is_loopback: bool,
    routes: Sequence[Route] = (),
) -> ASGIApp:
    """Make the application."""

    async def answer_health(_: Request) -> Response:
        if is_serving():
            return JSONResponse({"status": "ok", "revision": revision()})
        return JSONResponse({"status": "unavailable", "revision": revision()}, status_code=503)

    async def answer_metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[
            Route("/healthz", answer_health),
            Route("/metrics", answer_metrics),
            Route("/pods/{pod}/{run}/files", files.list_run),
            _route_of_files(files),
            *routes,
        ],
        middleware=[Middleware(Door, authenticator=authenticator, is_loopback=is_loopback)],
        exception_handlers={HTTPException: answer_refusal, Exception: answer_fault},
    )


def _route_of_files(files: RunFiles) -> Route:
    """The route of single files: other than in those of Starlette, a path may have ends of lines."""
    route = Route("/pods/{pod}/{run}/files/{path:path}", files.serve)
    route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)
    return route


async def answer_refusal(_: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such path, no such method."""
    if isinstance(error, HTTPException):
        refusal = refuse(error.status_code, error.detail.lower())
        refusal.headers.update(error.headers or {})  # such as which methods there are
        return refusal
    return await answer_fault(_, error)


async def answer_fault(_: Request, __: Exception) -> Response:
    """Answer a bug of ours without telling its story."""
    return refuse(500, "internal error")
