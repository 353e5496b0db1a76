"""What to label next, and paths along thin structures."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import OptionError
from pixelwise.core.text import short_repr
from pixelwise.labels.corrections import no_prediction
from pixelwise.labels.selection import rank_images, suggest_pixels
from pixelwise.labels.trace import trace_path, trace_window
from pixelwise.studio.requests import image_of, number_in, require_image
from pixelwise.studio.state import Studio

MOST_SIDE = 1024
"""The longest side of the map in which the most uncertain pixel is searched; larger images are sampled."""
MOST_ASKED = 1000
"""The most suggested points of an image that are remembered, so that skipped points are not suggested again."""
SHOWN_CLASSES = 5


def point(request: Request) -> Response:
    """`GET /api/suggest?image=I`: the pixel of which the model is least certain, among those that it has predicted."""
    studio: Studio = request.app.state.studio
    number = require_image(request, int(number_in(request, "image", -1)))
    return JSONResponse(suggest_point(studio, number))


def suggest_point(studio: Studio, number: int) -> dict[str, Any]:
    """Return a point of an image, and the class that the model predicts there. Raises `OptionError` without a
    prediction."""
    image = studio.project.images[number]
    prediction = studio.live.store.of(number)
    level = max(0, (max(image.size) - 1).bit_length() - (MOST_SIDE - 1).bit_length())
    step = 2**level
    size = -(-image.size[0] // step), -(-image.size[1] // step)
    predicted, uncertainty = prediction.read_every(step)
    labelled = studio.project.labels(image.name).label_map.read_level(level, (0, 0, *size)) != IGNORE_INDEX
    asked = studio.asked.setdefault(number, [])
    for row, column in asked:
        labelled[min(row // step, size[0] - 1), min(column // step, size[1] - 1)] = True
    unknown = predicted == IGNORE_INDEX
    if unknown.all():
        raise no_prediction()
    places = suggest_pixels(np.where(unknown, 0, uncertainty), 1, labelled=labelled)
    if not places:
        raise OptionError("image", "no pixel that the model is unsure of", "one", "Go on with another image.")
    row, column = (min(place * step + step // 2, side - 1) for place, side in zip(places[0], image.size, strict=True))
    asked.append((row, column))
    del asked[:-MOST_ASKED]
    shares = prediction.probabilities((row, column, row + 1, column + 1))[:, 0, 0]
    best = np.argsort(-shares, kind="stable")[:SHOWN_CLASSES].tolist()
    probabilities = [{"class_index": index, "share": round(float(shares[index]), 4)} for index in best]
    return {"point": [row + 0.5, column + 0.5], "probabilities": probabilities}


def image(request: Request) -> Response:
    """`GET /api/suggest/image`: the image to label next."""
    return JSONResponse({"image": suggest_image(request.app.state.studio)})


def suggest_image(studio: Studio) -> int | None:
    """Return an image that the model is uncertain about and that differs from labelled images; `None` if all are
    done."""
    project = studio.project
    states = [studio.describe_image(number) for number in range(len(project.images))]
    open_images = [state["id"] for state in states if state["state"] == "untouched" and not state["test"]]
    if not open_images:
        unfinished = [state["id"] for state in states if state["state"] == "strokes"]
        return max(unfinished, key=lambda number: studio.live.store.doubt(number) or 0.0) if unfinished else None
    vectors = {str(number): vector for number, vector in studio.live.embeddings().items()}
    candidates = [str(number) for number in open_images if str(number) in vectors]
    if not candidates:
        return int(open_images[0])
    doubts = {number: studio.live.store.doubt(number) for number in map(int, candidates)}
    known = [doubt for doubt in doubts.values() if doubt is not None]
    middle = sum(known) / len(known) if known else 1.0
    scores = {str(number): middle if doubt is None else doubt for number, doubt in doubts.items()}
    labelled = [str(state["id"]) for state in states if state["state"] != "untouched" and str(state["id"]) in vectors]
    return int(rank_images(scores, vectors, labelled, 1)[0])


def path(request: Request) -> Response:
    """`GET /api/images/I/path?from=r,c&to=r,c`: the cheapest path along a thin structure."""
    studio: Studio = request.app.state.studio
    number = image_of(request)
    start, end = (_point_in(request, name) for name in ("from", "to"))
    window = trace_window(start, end, studio.project.images[number].size)
    top, left = window[:2]
    pixels = studio.pictures.read(number, window)
    points = trace_path(pixels, (start[0] - top, start[1] - left), (end[0] - top, end[1] - left))
    return JSONResponse({"points": [[row + top, column + left] for row, column in points]})


def _point_in(request: Request, name: str) -> tuple[float, float]:
    text = request.query_params.get(name, "")
    try:
        row, column = (float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(name, short_repr(text), "row,column", "Send two numbers.") from error
    return row, column
