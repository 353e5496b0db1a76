"""`pixelwise export`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.arguments import AsJson, check_path
from pixelwise.cli.extras import require_train_extra
from pixelwise.core.text import quantity


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
    from pixelwise.cli.output import note, say
    from pixelwise.core.errors import OptionError

    if out.suffix != ".onnx":
        raise OptionError("--out", str(out), "a file name ending in .onnx", f"Use --out {out.with_suffix('.onnx')}.")
    if data is not None and not int8:
        raise OptionError("--data", str(data), "--int8 beside it", "Leave it out: a file in float needs no data.")
    require_train_extra()
    report: dict[str, object] = {}
    if int8:
        from pixelwise.training.posthoc.quantization import Int8, export_int8

        def tell(tried: Int8) -> None:
            count = tried.float_convolutions
            first = "the first convolution" if count == 1 else f"the first {count} convolutions"
            precision = f"{first} in float" if count else "all in 8 bits"
            scores = f"val {tried.measure} {tried.score:.4f}, in float {tried.float_score:.4f}"
            note(f"{precision}: {scores}, {quantity(tried.images, 'image')}")

        costs = asdict(export_int8(run, out, fast=fast, data=data, on_try=tell))
        report["int8"] = {"kept": costs.pop("float_convolutions"), **costs}  # the name that scripts rely on
    else:
        from pixelwise.training.finish import export_run

        export_run(run, out, fast=fast)
    if as_json:
        print(json.dumps({"model": str(out), "bytes": out.stat().st_size, **report}))
    else:
        say(out)
