"""The arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.core.errors import OptionError
from pixelwise.core.text import MOST_NAME_BYTES, name_bytes

MOST_PATH_BYTES = 4095
"""Bytes of a path on Linux, at most."""


def check_path(param: typer.CallbackParam, value: Any) -> Any:
    """Return the path, text or list of these that was typed, unchanged.

    Raises `OptionError` for a path that is longer than file systems allow. Without this check each place that opens the
    path would fail with an error of its own.
    """
    for text in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(text, (str, Path)):
            _require_possible_path(param, str(text))
    return value


def _require_possible_path(param: typer.CallbackParam, text: str) -> None:
    where = param.opts[0] if param.opts[0].startswith("-") else param.opts[0].upper()
    longest = max(map(name_bytes, Path(text).parts), default=0)
    if longest > MOST_NAME_BYTES:
        found, expected = f"a path with a name of {longest} bytes", f"names of {MOST_NAME_BYTES} bytes at most"
    elif (length := name_bytes(text)) > MOST_PATH_BYTES:
        found, expected = f"a path of {length} bytes", f"{MOST_PATH_BYTES} at most"
    else:
        return
    raise OptionError(where, found, expected, "Check the path.")


DATA = "Data"
"""The heading, in the help, of options on how data are read."""
Data = Annotated[Path, typer.Argument(metavar="DATA", help="Directory of images and labels.", callback=check_path)]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A run directory or an .onnx file.", callback=check_path)]
LAYOUT_NAMES = (
    "folders, camvid, cityscapes, coco, ctc, cvat, dsb, isbi, labelme, loveda, nnunet, panoptic, pets, retina, "
    "sunrgbd, sunrgbd13, via, voc, yolo"
)
"""The layouts that come with pixelwise. They are written out here, since reading their table would load numpy, which
the help does not need."""
WRITTEN_NAMES = "folders, camvid, cityscapes, coco, cvat, dsb, labelme, voc, yolo"
"""The layouts that `convert` writes."""
Format = Annotated[
    str | None,
    typer.Option(help=f"Layout of DATA, if it is not recognised: {LAYOUT_NAMES}.", rich_help_panel=DATA),
]
ImagesRoot = Annotated[
    Path | None,
    typer.Option(
        help="A folder outside DATA whose files annotations, lists and links may name.",
        callback=check_path,
        rich_help_panel=DATA,
    ),
]
BandNumbers = Annotated[
    str | None,
    typer.Option(
        help="Bands to read as channels, counted from 1, such as 4,3,2. [default: red, green, blue]",
        rich_help_panel=DATA,
    ),
]
Width = Annotated[float | None, typer.Option(help="Factor on the number of channels, for models that have one.")]
ModelOptions = Annotated[
    list[str] | None, typer.Option(help="KEY=VALUE, an option of this model only. May be repeated.")
]
Tta = Annotated[bool, typer.Option("--tta", help="Test-time augmentation: average three scales and flips.")]
DeviceName = Annotated[
    str | None, typer.Option("--device", help="Device: auto, cpu, cuda, cuda:1 (the second GPU), mps. [default: auto]")
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Inference engine: onnxruntime, onnxruntime-tensorrt, torch, openvino, openvino-bf16, auto (fastest).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
