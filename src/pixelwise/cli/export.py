"""`pixelwise export`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.arguments import AsJson, check_path
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from pixelwise.training.posthoc.quantization import Int8


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Directory that `pixelwise train` filled.", callback=check_path)
    ],
    *,
    out: Annotated[Path, typer.Option(help="The .onnx file to write.", callback=check_path)],
    fast: Annotated[
        bool, typer.Option("--fast", help="See an image once, as large as it is: a third of the time or less.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="In 8 bits, as much as the accuracy on validation images allows: faster.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="With --int8: the data to calibrate and to judge with, if they have moved.", callback=check_path
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the model of RUN as one self-describing .onnx file, for images of any size."""
    from pixelwise.api import export as export_model
    from pixelwise.cli.output import note, say

    attempts: list[Int8] = []

    def on_try(tried: Int8) -> None:
        attempts.append(tried)
        count = tried.float_convolutions
        first = "the first convolution" if count == 1 else f"the first {count} convolutions"
        precision = f"{first} in float" if count else "all in 8 bits"
        scores = f"val {tried.measure} {tried.score:.4f}, in float {tried.float_score:.4f}"
        note(f"{precision}: {scores}, {quantity(tried.images, 'image')}")

    export_model(run, out, fast=fast, int8=int8, data=data, on_try=on_try)
    report: dict[str, object] = {}
    if attempts:
        costs = asdict(attempts[-1])
        report["int8"] = {"kept": costs.pop("float_convolutions"), **costs}  # the name that scripts rely on
    if as_json:
        print(json.dumps({"model": str(out), "bytes": out.stat().st_size, **report}))
    else:
        say(out)
