"""Pictures, labels and objects of an image, in tiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pixelwise.core.errors import OptionError
from pixelwise.labels.boxes import grow_box
from pixelwise.labels.corrections import MOST_SIDE
from pixelwise.labels.image_labels import ImageLabels
from pixelwise.labels.proposals import object_classes
from pixelwise.labels.tiled_map import TiledMap
from pixelwise.studio.pictures import DEFAULT_CONTRAST, Picture
from pixelwise.studio.pyramid import encode_labels, encode_objects, full_box, map_tile, sampled_pixels, tile_box
from pixelwise.studio.requests import image_of, number_in

PROPOSAL_MARGIN = 128
"""Pixels around a tile in which proposed objects are completed."""
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
    tile = studio.pictures.tile(number, place_of(request), (low, high))
    if tile is None:
        raise HTTPException(404, "no such tile")
    return _answer(tile)


def thumbnail(request: Request) -> Response:
    """`GET /api/images/I/thumbnail.jpg?v=`."""
    return _answer(request.app.state.studio.pictures.thumbnail(image_of(request)))


def _answer(picture: Picture) -> Response:
    """Return a picture; header X-Share: how much of the image was known."""
    headers = {"Cache-Control": "private, max-age=3600"} if picture.share == 1 else FRESH
    return Response(picture.content, media_type="image/jpeg", headers={**headers, "X-Share": f"{picture.share:.3f}"})


def labels(request: Request) -> Response:
    """`GET /api/images/I/labels/LEVEL/ROW/COLUMN.png?v=`."""
    image, headers = _labels_of(request)
    return Response(encode_labels(_tile_of(request, image.label_map)), media_type="image/png", headers=headers)


def objects(request: Request) -> Response:
    """`GET /api/images/I/objects/LEVEL/ROW/COLUMN.png?v=`."""
    image, headers = _labels_of(request)
    tile = _tile_of(request, image.instance_map)
    if not image.instance_map.counts():
        return Response(status_code=204, headers=headers)
    return Response(encode_objects(tile), media_type="image/png", headers=headers)


def proposals(request: Request) -> Response:
    """`GET /api/images/I/proposals/LEVEL/ROW/COLUMN.png?v=`: the new objects that the prediction shows, numbered in
    this tile alone; 204 where there is none, or no prediction, or where the tile covers too many pixels."""
    studio, number, place = request.app.state.studio, image_of(request), place_of(request)
    size = studio.project.images[number].size
    shown, full = tile_box(size, *place), full_box(size, *place)
    if shown is None or full is None:
        raise HTTPException(404, "no such tile")
    image, headers = _labels_of(request)
    nothing = Response(status_code=204, headers=headers)
    if max(full[2] - full[0], full[3] - full[1]) > MOST_SIDE or not object_classes(studio.project.classes):
        return nothing
    window = grow_box(full, PROPOSAL_MARGIN, size)
    try:
        objects, _ = studio.correct(number).propose_objects(window, image)
    except OptionError:  # there is no prediction, or not of the whole tile
        return nothing
    rows, columns = sampled_pixels(size, place[0], shown)
    tile = objects[np.ix_(rows - window[0], columns - window[1])]
    if not tile.any():
        return nothing
    return Response(encode_objects(tile), media_type="image/png", headers=headers)


def _labels_of(request: Request) -> tuple[ImageLabels, dict[str, str]]:
    """Return the labels of the image in a request's address, and headers with the number of their last action."""
    project = request.app.state.studio.project
    image: ImageLabels = project.labels(project.images[image_of(request)].name)
    return image, {**FRESH, "X-Number": str(image.number)}


def _tile_of(request: Request, values: TiledMap) -> npt.NDArray[np.generic]:
    """Return the tile of a map in a request's address. Raises `HTTPException` where there is none."""
    tile = map_tile(values, *place_of(request))
    if tile is None:
        raise HTTPException(404, "no such tile")
    return tile
