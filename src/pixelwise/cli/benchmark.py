"""`pixelwise benchmark`: how fast a model file is on this machine."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from typing import Annotated

import typer

from pixelwise.cli.arguments import AsJson, Model


def benchmark(
    model: Model,
    *,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width of the image.")] = (480, 640),
    as_json: AsJson = False,
) -> None:
    """Time MODEL in every installed engine, on an image of noise in memory."""
    from pixelwise.cli.output import say
    from pixelwise.core.errors import MissingDependencyError, OptionError
    from pixelwise.inference.engine_benchmark import installed_engines, processor_name, time_engine
    from pixelwise.inference.engines.checks import available_cores
    from pixelwise.inference.engines.registry import HALF_ENGINE
    from pixelwise.inference.loading import model_path

    if min(size) < 1:
        raise OptionError("--size", f"{size[0]} {size[1]}", "a height and a width of 1 or more", "Give 480 640.")
    path = model_path(model)
    rows = [time_engine(path, engine, size) for engine in installed_engines()]
    with contextlib.suppress(MissingDependencyError, OptionError):  # it is not for every processor
        rows.append(time_engine(path, HALF_ENGINE, size))
    if as_json:
        print(json.dumps({"size": size, "cores": available_cores(), "engines": [asdict(row) for row in rows]}))
        return
    say(f"{path}, an image of {size[0]}x{size[1]}, {available_cores()} cores of {processor_name()}")
    print()
    print(f"{'engine':13} {'to open, ms':>12} {'an image, ms':>13} {'megapixels/s':>13}")
    for row in rows:
        pixels = size[0] * size[1] / row.image_ms / 1000
        print(f"{row.engine:13} {row.opening_ms:12.0f} {row.image_ms:13.1f} {pixels:13.2f}")
