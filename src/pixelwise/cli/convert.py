"""`pixelwise convert`: write a data set in another layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.arguments import WRITTEN_NAMES, Data, Format, ImagesRoot, check_path
from pixelwise.cli.output import say
from pixelwise.core.text import quantity


def convert(
    data: Data,
    *,
    to: Annotated[str, typer.Option(help=f"The layout to write: {WRITTEN_NAMES}.")],
    out: Annotated[Path, typer.Option(help="The directory to write into, new or empty.", callback=check_path)],
    format: Format = None,
    images_root: ImagesRoot = None,
) -> None:
    """Write a data set in another layout, and report what that layout cannot store. Images are copied unchanged."""
    from pixelwise.api import convert as convert_dataset
    from pixelwise.cli.remarks import print_assumptions, print_harmful
    from pixelwise.data import open_dataset

    dataset = open_dataset(data, format=format, images_root=images_root)
    print_assumptions(dataset)
    conversion = convert_dataset(dataset, to, out, on_check=print_harmful)
    say(f"{quantity(conversion.images, 'image')} written to {out} in the layout {to}")
    for sentence in conversion.remarks:
        say(f"  {sentence}")
