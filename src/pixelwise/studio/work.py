"""Requests that control the live model and the training, and the tiles of predictions."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pixelwise.core.errors import OptionError
from pixelwise.core.text import short_repr
from pixelwise.studio.live import LIVE, View
from pixelwise.studio.pyramid import encode_prediction, tile_box
from pixelwise.studio.requests import image_of, read_json, require_image
from pixelwise.studio.state import Studio
from pixelwise.studio.tiles import FRESH, place_of
from pixelwise.studio.training import MOST_MINUTES


async def view(request: Request) -> Response:
    """`POST /api/view {client, image, level, box_tlbr}`: what a client has in view; the box is in pixels of full
    resolution."""
    content = await read_json(request)
    studio: Studio = request.app.state.studio
    number = require_image(request, content.get("image"))
    studio.live.look(View(number, _box_in(content.get("box_tlbr"), studio.project.images[number].size)))
    return JSONResponse({})


def _box_in(value: object, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the part of a box that lies in the image; the whole image where there is none."""
    numbers = value if isinstance(value, list) and len(value) == 4 else []
    if not numbers or not all(type(part) in (int, float) and abs(part) < 1e9 for part in numbers):
        raise OptionError("box_tlbr", short_repr(value), "[top, left, bottom, right]", "Send four numbers.")
    top, left = (max(0, min(int(part), side - 1)) for part, side in zip(numbers[:2], size, strict=True))
    bottom, right = (max(1, min(int(-(-part // 1)), side)) for part, side in zip(numbers[2:], size, strict=True))
    return top, left, max(bottom, top + 1), max(right, left + 1)


def prediction(request: Request) -> Response:
    """`GET /api/images/I/prediction/LEVEL/ROW/COLUMN.png?model=M`: 204 where there is no prediction yet."""
    studio: Studio = request.app.state.studio
    number, place = image_of(request), place_of(request)
    if tile_box(studio.project.images[number].size, *place) is None:
        raise HTTPException(404, "no such tile")
    tile = studio.live.store.of(number).read_tile(*place)
    if tile is None:
        return Response(status_code=204, headers=FRESH)
    label_map, uncertainty, model = tile
    headers = {**FRESH, "X-Model": str(model)}
    return Response(encode_prediction(label_map, uncertainty), media_type="image/png", headers=headers)


async def live(request: Request) -> Response:
    """`POST /api/live {paused}` or `{once: true}`."""
    content = await read_json(request)
    worker = request.app.state.studio.live
    if content.get("once") is True:
        worker.ask_once()
    elif type(content.get("paused")) is bool:
        worker.pause(paused=content["paused"])
        request.app.state.studio.tell_project()
    else:
        raise OptionError("live", "neither paused nor once", "{paused: true or false} or {once: true}", "Send one.")
    return JSONResponse(worker.describe())


async def model(request: Request) -> Response:
    """`POST /api/model {use}`: choose the model whose prediction is shown."""
    content = await read_json(request)
    studio: Studio = request.app.state.studio
    await run_in_threadpool(show_model, studio, content.get("use"))
    return JSONResponse(studio.live.describe())


def show_model(studio: Studio, use: object) -> None:
    """Show the prediction of the live model, or of a finished run. Raises `OptionError` and `ModelFileError`."""
    if use == LIVE:
        studio.live.show(LIVE, None)
    elif isinstance(use, str):
        studio.show_run(use, studio.training.path_of(use))
    else:
        raise OptionError("use", short_repr(use), "live or the name of a run", "Choose one of them.")
    studio.tell_project()
    studio.hub.publish("model", {"model": studio.live.number, "image": None, "number": studio.live.learned, "use": use})


async def training(request: Request) -> Response:
    """`POST /api/training {command: start, stop or resume, minutes, from_run, task}`."""
    content = await read_json(request)
    studio: Studio = request.app.state.studio
    command, minutes = content.get("command"), content.get("minutes")
    if minutes is not None and (type(minutes) not in (int, float) or not abs(minutes) <= MOST_MINUTES):
        raise OptionError("minutes", short_repr(minutes), f"at most {MOST_MINUTES:g}", "Choose another time.")
    if command == "start":
        from_run, task = content.get("from_run"), content.get("task")
        await run_in_threadpool(studio.training.start, minutes, from_run=from_run, task=task)
    elif command in ("stop", "resume"):
        await run_in_threadpool(studio.training.stop if command == "stop" else studio.training.resume)
    else:
        raise OptionError("command", short_repr(command), "start, stop or resume", "Send one of them.")
    return JSONResponse(studio.training.describe())


def curve(request: Request) -> Response:
    """`GET /api/curve`: scores over the labelling time."""
    return JSONResponse(request.app.state.studio.curve.points())
