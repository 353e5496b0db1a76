"""`pixelwise inspect`: shows the numbers of a net, stage by stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.arguments import AsJson, ModelOptions, Width, check_path
from pixelwise.cli.output import cells, print_table, say
from pixelwise.core.errors import OptionError
from pixelwise.core.extras import require_train_extra
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from pixelwise.analysis.counting import Saving
    from pixelwise.analysis.inspect_target import InspectTarget
    from pixelwise.analysis.summary import StageSummary, Summary
    from pixelwise.core.classes import ClassMap
    from pixelwise.modelfile.info import ModelInfo

CLASSES = 2
CHANNELS = 3
PIPED_WIDTH = 120
"""Characters of a line of a table where standard output is no terminal."""
MOST_SIDE = 2**16
"""Largest height and width of an image, in pixels."""
PADDINGS = {
    "trained": "TensorFlow's \"same\" in strided convolutions, as the encoder's weights were trained",
    "symmetric": "equal on all sides",
}
"""Descriptions of the ways in which encoders pad."""


def inspect(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model's name, a run directory or an .onnx file.", callback=check_path),
    ],
    *,
    classes: Annotated[int | None, typer.Option(help="Number of classes, if MODEL is a name. [default: 2]")] = None,
    channels: Annotated[
        int | None, typer.Option(help="Channels of the image, if MODEL is a name. [default: 3]")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="The encoder, if MODEL is a name. [default: the model's own]")
    ] = None,
    width: Width = None,
    option: ModelOptions = None,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Height and width of the image. [default: 224 224, or the crop that the run trained on]"),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the stages, into this .png file.", callback=check_path)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a model file holds, count its parameters and multiply-adds, and measure how much of the image each
    stage sees."""
    require_train_extra("this command")
    from pixelwise.analysis.inspect_target import from_model_file, from_name, from_run
    from pixelwise.analysis.summary import summarise
    from pixelwise.nn.models import MODELS

    if size is not None and not 1 <= min(size) <= max(size) <= MOST_SIDE:
        expected = f"sides of 1 to {MOST_SIDE:,}"
        raise OptionError("--size", f"{size[0]}x{size[1]}", expected, "Try --size 224 224.")
    if picture is not None and picture.suffix != ".png":
        raise OptionError("--picture", str(picture), "a .png file", f"Write --picture {picture.with_suffix('.png')}.")
    path = Path(model)
    if model in MODELS or not (path.exists() or path.suffix == ".onnx"):
        classes, channels = CLASSES if classes is None else classes, CHANNELS if channels is None else channels
        subject = from_name(model, classes, channels, encoder, width, option or [])
    else:
        _refuse_options(model, classes=classes, channels=channels, encoder=encoder, width=width, option=option)
        subject = from_run(path) if path.is_dir() else from_model_file(path)
    summary = summarise(subject.model, size or subject.size, subject.in_channels, effective=subject.has_weights)
    if picture is not None:
        from pixelwise.analysis.diagram import draw_net
        from pixelwise.raster.image import write_png

        write_png(picture, draw_net(summary, subject.description))
    if as_json:
        print(json.dumps(summary.to_json_dict() | {"file": _file_content(subject)}))
    else:
        _print_report(summary, subject)


def _refuse_options(model: str, **given: object) -> None:
    """Raise `OptionError` for an option that was given although the run or the model file determines it."""
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"--{name}", str(value), f"none with {model}, which has its own", f"Leave --{name} out.")


def _print_report(summary: Summary, subject: InspectTarget) -> None:
    height, width = summary.size
    say(f"{subject.description}; image {height}x{width} (height x width)")
    if subject.info is not None:
        for heading, text in _facts(subject.info, subject.encoder_padding):
            say(f"{heading:<14} {text}")
        print_table(_class_table(subject.info.classes), PIPED_WIDTH)
    print_table(_table(summary), PIPED_WIDTH)
    for line in _notes(summary):
        say(line)


def _file_content(subject: InspectTarget) -> dict[str, Any] | None:
    """Return what a model file says about itself, for `json.dumps`; `None` for a net that was built by its name."""
    if subject.info is None:
        return None
    return {**json.loads(subject.info.to_json()), "encoder_padding": subject.encoder_padding}


def _facts(info: ModelInfo, padding: str | None) -> Iterator[tuple[str, str]]:
    """Yield the facts about a model file that a user needs, as (heading, text)."""
    yield "task", info.task
    if info.grouping is not None:
        things = ", ".join(info.classes.names[index] for index in info.grouping.things)
        yield "objects", f"{things}; {info.grouping}"
    yield from (("channels", "red, green, blue"), ("values", _values(info))) if info.bands is None else _bands(info)
    mean, std = _join_numbers(info.mean), _join_numbers(info.std)
    yield "normalisation", f"mean {mean}, std {std}, of values from 0 to 1; in the graph"
    yield "tiles", f"{info.tile} pixels a side, overlap {info.overlap}, where an image is larger"
    if padding is not None:
        yield "padding", PADDINGS[padding]


def _values(info: ModelInfo) -> str:
    value_range = info.value_range
    if value_range is None:
        return "8 bits; the model was trained on nothing deeper, so each deeper image is scaled by its own values"
    spans = [f"{low:,.6g} to {high:,.6g}" for low, high in zip(value_range.low, value_range.high, strict=True)]
    each = zip(("red", "green", "blue"), spans, strict=True)
    text = spans[0] if len(set(spans)) == 1 else ", ".join(f"{name} {span}" for name, span in each)
    return f"8 bits unchanged; in deeper images {text} become 0 to 255"


def _bands(info: ModelInfo) -> Iterator[tuple[str, str]]:
    bands = info.bands
    if bands is None:
        return
    yield "channels", f"the bands {_join_numbers(bands.numbers)} of a file, counted from 1"
    each = zip(bands.numbers, bands.low, bands.high, strict=True)
    spans = (f"in band {number} {low:,.6g} to {high:,.6g}" for number, low, high in each)
    yield "values", f"{', '.join(spans)} become 0 to 255"


def _join_numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _class_table(classes: ClassMap) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "class", "colour")
    table.columns[0].justify = "right"
    for index, (name, color) in enumerate(zip(classes.names, classes.colors, strict=True)):
        swatch = Text("  ", style=f"on rgb({','.join(map(str, color))})")
        table.add_row(str(index), swatch, *cells(name, ", ".join(map(str, color))))
    return table


def _table(summary: Summary) -> Table:
    from rich.table import Table

    table = Table("stage")
    for heading in ("channels", "stride", "receptive\nfield", "effective\nfield", "parameters", "multiply-\nadds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for stage in summary.stages:
        table.add_row(*cells(stage.name, stage.channels, *_cells(stage)))
    table.add_section()
    table.add_row("the whole net", "", *_cells(summary))
    return table


def _cells(row: StageSummary | Summary) -> tuple[str, ...]:
    effective = row.effective_receptive_field
    return (
        "-" if row.stride is None else f"{row.stride:g}",
        "all" if row.receptive_field is None else str(row.receptive_field),
        "-" if effective is None else f"{effective:.0f}",
        f"{row.parameters:,}",
        _format_amount(row.multiply_adds),
    )


def _notes(summary: Summary) -> list[str]:
    height, width = summary.size
    notes = ["Receptive fields are side lengths in image pixels; all: the whole image, whatever its size."]
    if summary.samples:
        images = f"{quantity(summary.samples, 'image')} of noise"
        notes.append(f"Effective fields are measured by gradients on {images}; at most {height}x{width}.")
    if summary.unknown:
        notes.append(f"Operations without a rule, taken to see the whole image: {', '.join(summary.unknown)}.")
    notes.append(_describe_saving("depthwise separable", "of the same channels", summary.separable))
    notes.append(_describe_saving("dilated", "of the same span", summary.dilated))
    return notes


def _describe_saving(kind: str, same: str, saving: Saving) -> str:
    """Return a sentence on what convolutions of a kind save against plain ones. same: what both have in common."""
    if not saving.layers:
        return f"No {kind} convolutions."
    parameters = _format_amount(saving.plain_parameters - saving.parameters)
    multiply_adds = _format_amount(saving.plain_multiply_adds - saving.multiply_adds)
    convolutions = quantity(saving.layers, f"{kind} convolution")
    verb = "saves" if saving.layers == 1 else "save"
    return (
        f"{convolutions} {verb} {parameters} parameters and {multiply_adds} multiply-adds against plain ones "
        f"{same} ({_format_amount(saving.multiply_adds)} instead of {_format_amount(saving.plain_multiply_adds)})."
    )


def _format_amount(number: int) -> str:
    """Return a number with three digits and k, M or G for thousands, millions or billions."""
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}" if number < 999.5 * size else f"{number / size:,.0f}{unit}"
    return str(number)
