"""Arguments that several commands have, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Argument(help="Directory of photos and masks.")]
Model = Annotated[Path, typer.Argument(help="A run directory or an .onnx file.")]
Format = Annotated[str | None, typer.Option(help="Layout of DATA, if it is not recognised.")]
ImagesRoot = Annotated[Path | None, typer.Option(help="A folder outside DATA that its annotations or links may name.")]
BandNumbers = Annotated[
    str | None, typer.Option(help="Numbers of the images' channels, such as 4,3,2. [default: red, green, blue]")
]
Width = Annotated[float | None, typer.Option(help="Factor on the model's channels, where it has one.")]
ModelOptions = Annotated[list[str] | None, typer.Option(help="KEY=VALUE that only this model takes, may be repeated.")]
Tta = Annotated[bool, typer.Option("--tta", help="Test-time augmentation: the mean over three sizes, both ways round.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
