"""`pixelwise export`: write the model of a run as one .onnx file."""

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
        Path, typer.Argument(metavar="RUN", help="A run directory of `pixelwise train`.", callback=check_path)
    ],
    *,
    out: Annotated[Path, typer.Option(help="The .onnx file to write.", callback=check_path)],
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Drop flip TTA and test-time scales: predictions take a third of the time or less."
        ),
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantize to 8 bits, as far as accuracy on validation images allows.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="With --int8: the run's data set, for calibration and validation, if it has moved.",
            callback=check_path,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the model of RUN as one self-describing .onnx file, for images of any size."""
    from pixelwise.api import export as export_model
    from pixelwise.cli.output import note, say

    attempts: list[Int8] = []

    def on_try(attempt: Int8) -> None:
        attempts.append(attempt)
        count = attempt.float_convolutions
        first = "the first convolution" if count == 1 else f"the first {count} convolutions"
        precision = f"{first} in float" if count else "all in 8 bits"
        scores = f"val {attempt.measure} {attempt.score:.4f}, in float {attempt.float_score:.4f}"
        note(f"{precision}: {scores}, {quantity(attempt.images, 'image')}")

    export_model(run, out, fast=fast, int8=int8, data=data, on_try=on_try)
    report: dict[str, object] = {}
    if attempts:
        costs = asdict(attempts[-1])
        report["int8"] = {"kept": costs.pop("float_convolutions"), **costs}  # scripts rely on the name "kept"
    if as_json:
        print(json.dumps({"model": str(out), "bytes": out.stat().st_size, **report}))
    else:
        say(out)
