"""The web application of the studio: its routes."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from pixelwise.core.errors import PixelwiseError
from pixelwise.studio import export, suggestions, tiles, work
from pixelwise.studio.actions import actions
from pixelwise.studio.events import events
from pixelwise.studio.requests import AsciiJSONResponse, answer_fault, answer_http_error, answer_mistake
from pixelwise.studio.security import Access, Guard
from pixelwise.studio.state import Studio

STATIC = Path(__file__).parent / "static"


class FreshFiles(StaticFiles):
    """Files that browsers must revalidate each time, since another version of pixelwise has others."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def build_app(studio: Studio, access: Access | None = None) -> Starlette:
    """Return the application of an open studio.

    Parameters
    ----------
    studio
        The open studio.
    access
        Who may connect; by default only this machine.
    """
    routes = [
        Route("/", index),
        Mount("/static", FreshFiles(directory=STATIC, check_dir=False)),
        Route("/api/project", project),
        Route("/api/actions", actions, methods=["POST"]),
        Route("/api/events", events),
        Route("/api/images/{image:int}/tiles/{level:int}/{row:int}/{column:int}.jpg", tiles.picture),
        Route("/api/images/{image:int}/labels/{level:int}/{row:int}/{column:int}.png", tiles.labels),
        Route("/api/images/{image:int}/objects/{level:int}/{row:int}/{column:int}.png", tiles.objects),
        Route("/api/images/{image:int}/proposals/{level:int}/{row:int}/{column:int}.png", tiles.proposals),
        Route("/api/images/{image:int}/thumbnail.jpg", tiles.thumbnail),
        Route("/api/images/{image:int}/prediction/{level:int}/{row:int}/{column:int}.png", work.prediction),
        Route("/api/images/{image:int}/path", suggestions.path),
        Route("/api/view", work.view, methods=["POST"]),
        Route("/api/live", work.live, methods=["POST"]),
        Route("/api/model", work.model, methods=["POST"]),
        Route("/api/training", work.training, methods=["POST"]),
        Route("/api/curve", work.curve),
        Route("/api/suggest", suggestions.point),
        Route("/api/suggest/image", suggestions.image),
        Route("/api/export", export.export, methods=["POST"]),
        Route("/api/files/{name}", export.file),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access or Access())],
        exception_handlers={
            PixelwiseError: answer_mistake,
            HTTPException: answer_http_error,
            Exception: answer_fault,
        },
    )
    app.state.studio = studio
    return app


def index(request: Request) -> Response:
    """`GET /`: the page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


def project(request: Request) -> Response:
    """`GET /api/project`."""
    return AsciiJSONResponse(request.app.state.studio.describe(), headers={"Cache-Control": "no-store"})
