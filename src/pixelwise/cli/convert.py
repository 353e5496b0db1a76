"""`pixelwise convert`: write a data set in another layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.arguments import Data, Format, ImagesRoot, check_path
from pixelwise.cli.output import say
from pixelwise.core.text import quantity


def convert(
    data: Data,
    *,
    to: Annotated[str, typer.Option(help="The layout to write: folders, coco, voc, yolo, cvat, labelme ...")],
    out: Annotated[Path, typer.Option(help="The directory to write into, new or empty.", callback=check_path)],
    format: Format = None,
    images_root: ImagesRoot = None,
) -> None:
    """Write a data set in another layout, and say what that does not hold; the images are copied as they are."""
    from pixelwise.cli.remarks import print_assumptions, print_harmful
    from pixelwise.data import open_dataset, write_dataset
    from pixelwise.data.check import check
    from pixelwise.data.conversion_report import find_losses, name_changes

    dataset = open_dataset(data, format=format, images_root=images_root)
    print_assumptions(dataset)
    source = check(dataset)
    print_harmful(source)
    write_dataset(dataset, to, out)
    written = check(open_dataset(out, format=to))
    say(f"{quantity(written.images, 'image')} written to {out} in the layout {to}")
    for sentence in (*name_changes(dataset), *find_losses(source, written)):
        say(f"  {sentence}")
