"""Help pages: options in groups, and examples as they are typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand


@dataclass(frozen=True)
class Page:
    """The parts of a command's help that do not come from its docstring and options."""

    summary: str
    """Its line in the list of commands."""
    examples: tuple[str, ...]
    """Command lines without the program's name."""

    @property
    def epilog(self) -> str:
        """The text below the options."""
        return "\n".join(["\b", "Examples:", *(f"  pixelwise {example}" for example in self.examples)])


PAGES = {
    "demo": Page("Train, measure and predict on generated pictures.", ("demo", "demo --task instance --minutes 5")),
    "studio": Page(
        "Label images, with a model that learns while you draw.",
        (
            "studio photos/ --classes background,leaf,stem",
            "studio photos/ --out photos-labels",
            "studio photos-labels/",
            "studio --sample",
        ),
    ),
    "label": Page(
        "Suggest what to label next; write the live model.",
        (
            "label suggest photos/",
            "label suggest photos-labels/ --model runs/first --count 10",
            "label suggest photos-labels/ --model runs/first --pixels 20 --json",
            "label export photos-labels/ --out live.onnx",
        ),
    ),
    "check": Page(
        "Show what a data set holds and what is wrong with it.", ("check photos/", "check scans/ --bands 4,3,2 --json")
    ),
    "train": Page(
        "Train a model on a data set.",
        (
            "train photos/ --out runs/first",
            "train photos/ --out runs/long --minutes 60",
            "train photos/ --out runs/long --resume",
            "train cells/ --out runs/cells --task instance --rotate",
            "train photos/ --out runs/unet --model unet --epochs 50",
            "train photos/ --out runs/again --config runs/first/config.yaml",
        ),
    ),
    "evaluate": Page(
        "Measure a model on labelled images.",
        ("evaluate runs/first photos/", "evaluate model.onnx photos/ --split val --tta"),
    ),
    "predict": Page(
        "Predict masks of images.",
        (
            "predict runs/first street.jpg --out predictions",
            "predict model.onnx photos/ --out predictions --as mask,overlay",
            "predict model.onnx scan.tif --out predictions --as geojson --resume",
        ),
    ),
    "export": Page(
        "Write the model of a run as one .onnx file.",
        ("export runs/first --out model.onnx", "export runs/first --out small.onnx --int8"),
    ),
    "benchmark": Page("Time a model on this machine.", ("benchmark model.onnx --size 1080 1920",)),
    "inspect": Page(
        "Show a model stage by stage, in numbers.",
        ("inspect runs/first", "inspect unet --width 0.5 --size 256 256 --picture unet.png"),
    ),
    "models": Page("List the models to choose from.", ("models", "models --front")),
    "encoders": Page("List the encoders to choose from.", ("encoders",)),
    "convert": Page("Write a data set in another layout.", ("convert photos/ --to coco --out photos-coco",)),
}
GROUPS = {
    "as_": "writers",
    "augmentations": "augmentations",
    "engine": "engines",
    "format": "layouts",
    "loss": "losses",
    "metric": "metrics",
    "metrics": "metrics",
    "model": "models",
    "task": "tasks",
    "to": "layouts",
}
"""For each parameter that takes registered names, the entry points by which packages add names."""
OTHERS = "Options"
"""The heading of options without a group."""


class Command(TyperCommand):
    """A command whose help shows options under the heading of their group, a `rich_help_panel`, the others last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of arguments and options."""
        from importlib.metadata import entry_points

        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        points = entry_points()  # once, since it reads every installed package
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is None:
                continue
            heading = "Arguments" if parameter.param_type_name == "argument" else None
            heading = heading or getattr(parameter, "rich_help_panel", None)
            row = row[0], row[1] + _list_added(parameter, points)
            (others if heading is None else groups.setdefault(heading, [])).append(row)
        for heading, rows in (*groups.items(), (OTHERS, others)):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _list_added(parameter: Any, points: Any) -> str:
    """Return a sentence with the names that installed packages add to those that an option takes; "" without any."""
    if parameter.param_type_name == "argument" or parameter.name not in GROUPS:
        return ""
    names = sorted(point.name for point in points.select(group=f"pixelwise.{GROUPS[parameter.name]}"))
    return f" Added by packages: {', '.join(names)}." if names else ""
