"""Pictures, labels and objects of an image, in tiles."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pixelwise.core.errors import OptionError
from pixelwise.studio.pictures import DEFAULT_CONTRAST
from pixelwise.studio.pyramid import encode_labels, encode_objects, map_tile
from pixelwise.studio.requests import image_of, number_in

FRESH = {"Cache-Control": "no-store"}


def place_of(request: Request) -> tuple[int, int, int]:
    """Return (level, row, column) of a request's address."""
    level, row, column = (int(request.path_params[name]) for name in ("level", "row", "column"))
    return level, row, column


def picture(request: Request) -> Response:
    """`GET /api/images/I/tiles/LEVEL/ROW/COLUMN.jpg?low=&high=`."""
    studio, number = request.app.state.studio, image_of(request)
    low, high = (number_in(request, name, value) for name, value in zip(("low", "high"), DEFAULT_CONTRAST, strict=True))
    if not 0 <= low < high <= 100:
        raise OptionError("low", f"{low:g} to {high:g}", "percentiles 0 <= low < high <= 100", "Send others.")
    content = studio.pictures.tile(number, place_of(request), (low, high))
    if content is None:
        raise HTTPException(404, "no such tile")
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def thumbnail(request: Request) -> Response:
    """`GET /api/images/I/thumbnail.jpg?v=`."""
    content = request.app.state.studio.pictures.thumbnail(image_of(request))
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def labels(request: Request) -> Response:
    """`GET /api/images/I/labels/LEVEL/ROW/COLUMN.png?v=`."""
    project = request.app.state.studio.project
    image = project.labels(project.images[image_of(request)].name)
    tile = map_tile(image.label_map, *place_of(request))
    if tile is None:
        raise HTTPException(404, "no such tile")
    headers = {**FRESH, "X-Number": str(image.number)}
    return Response(encode_labels(tile), media_type="image/png", headers=headers)


def objects(request: Request) -> Response:
    """`GET /api/images/I/objects/LEVEL/ROW/COLUMN.png?v=`."""
    project = request.app.state.studio.project
    image = project.labels(project.images[image_of(request)].name)
    tile = map_tile(image.instance_map, *place_of(request))
    if tile is None:
        raise HTTPException(404, "no such tile")
    headers = {**FRESH, "X-Number": str(image.number)}
    if not image.instance_map.counts():
        return Response(status_code=204, headers=headers)
    return Response(encode_objects(tile), media_type="image/png", headers=headers)
