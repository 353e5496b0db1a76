"""`pixelwise export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.extras import require_train_extra


def export(
    run: Annotated[Path, typer.Argument(help="Directory that `pixelwise train` filled.")],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.")],
    fast: Annotated[
        bool, typer.Option("--fast", help="See an image once, as large as it is: a third of the time or less.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Write the model of RUN as one self-describing .onnx file, for images of any size."""
    from pixelwise.errors import OptionError

    if out.suffix != ".onnx":
        raise OptionError("--out", str(out), "a file name ending in .onnx", f"Use --out {out.with_suffix('.onnx')}.")
    require_train_extra()
    from pixelwise.training.finish import export_run

    export_run(run, out, fast=fast)
    print(json.dumps({"model": str(out), "bytes": out.stat().st_size}) if as_json else out)
