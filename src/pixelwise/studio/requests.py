"""Checks of what requests contain, and answers to errors."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from pixelwise.core.errors import OptionError, OutputError, PixelwiseError
from pixelwise.core.text import short_repr
from pixelwise.labels.action_checks import check_text
from pixelwise.studio.child_process import error_parts


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, since file names may contain bytes that are not UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


async def read_json(request: Request) -> dict[str, Any]:
    """Return the object in a request's body. Raises `OptionError` for any other body."""
    try:
        content = json.loads(await request.body(), parse_constant=_refuse_constant)
    except ClientDisconnect as error:  # the client disconnected, or sent too much
        raise HTTPException(400, "a body that was cut off or is too long") from error
    except (ValueError, RecursionError) as error:
        raise OptionError("request", f"no JSON ({str(error)[:80]})", "a JSON object", "Send one.") from error
    if not isinstance(content, dict):
        raise OptionError("request", f"JSON of type {type(content).__name__}", "a JSON object", "Send one.")
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def client_of(content: dict[str, Any]) -> str:
    """Return the name of the client."""
    return check_text(content.get("client", "browser"), "client")


def image_of(request: Request) -> int:
    """Return the number of the image in a request's address. Raises `HTTPException` where there is none."""
    return require_image(request, request.path_params["image"])


def require_image(request: Request, number: object) -> int:
    """Return the number of an image of the project. Raises `HTTPException` where there is none."""
    images = request.app.state.studio.project.images
    if type(number) is not int or not 0 <= number < len(images):
        raise HTTPException(404, "no such image")
    return number


def number_in(request: Request, name: str, default: float) -> float:
    """Return a number in a request's query. Raises `OptionError` for another text."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 1e9:  # false for NaN, too
        raise OptionError(name, short_repr(text), "a number", "Send another.")
    return value


def error_json(error: PixelwiseError) -> dict[str, Any]:
    """Return an error in the form that answers have."""
    return {"error": error_parts(error)}


async def answer_mistake(request: Request, error: Exception) -> Response:
    """Answer a `PixelwiseError`: with 400, or 507 where something cannot be written to disk."""
    if not isinstance(error, PixelwiseError):
        raise error
    return AsciiJSONResponse(error_json(error), 507 if isinstance(error, OutputError) else 400)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer a request that the router or a handler refuses."""
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "an error")
    parts = {"where": request.url.path, "found": detail, "expected": "an address of the studio", "remedy": ""}
    return AsciiJSONResponse({"error": parts}, status)


async def answer_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of pixelwise itself; the traceback goes to standard error."""
    print("".join(traceback.format_exception(error)), file=sys.stderr)
    parts = {
        "where": request.url.path,
        "found": f"a fault of pixelwise ({type(error).__name__})",
        "expected": "none",
        "remedy": "What is saved is safe. Load the page again; the terminal shows where it happened.",
    }
    return AsciiJSONResponse({"error": parts}, 500)
