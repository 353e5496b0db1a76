"""`pixelwise train`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pixelwise.cli.arguments import (
    AsJson,
    BandNumbers,
    Data,
    Format,
    ImagesRoot,
    ModelOptions,
    Width,
    nameable,
)
from pixelwise.cli.extras import require_train_extra
from pixelwise.cli.flags import in_flags

if TYPE_CHECKING:
    from pixelwise.training import Run


def train(
    data: Data,
    out: Annotated[
        Path, typer.Option(help="Directory of the run: made new, or gone on with by --resume.", callback=nameable)
    ],
    model: Annotated[str | None, typer.Option(help="See `pixelwise models`. [default: fpn]")] = None,
    encoder: Annotated[str | None, typer.Option(help="See `pixelwise encoders`. [default: the model's]")] = None,
    width: Width = None,
    option: ModelOptions = None,
    minutes: Annotated[float | None, typer.Option(help="Wall time, everything included. [default: 10]")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images, instead of --minutes.")] = None,
    seed: Annotated[int | None, typer.Option(help="Every random draw follows from it. [default: 0]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; more --epochs extend it.")
    ] = False,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Run whose weights to start from.", callback=nameable)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Repeat the run of this config.yaml, but for what else is typed.", callback=nameable),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out images that would spoil training.")] = False,
    pretrained: Annotated[
        bool | None,
        typer.Option("--pretrained/--no-pretrained", help="Start the encoder from ImageNet weights. [default: yes]"),
    ] = None,
    encoder_weights: Annotated[
        Path | None,
        typer.Option(
            help="File to start the encoder from, as torchvision or timm lays weights out.", callback=nameable
        ),
    ] = None,
    freeze_through: Annotated[
        int | None,
        typer.Option(help="Stride up to which a pretrained encoder stays as it is. [default: 32; 0 for an FCN]"),
    ] = None,
    recipe: Annotated[
        Literal["fcn", "segnet", "unet"] | None, typer.Option(help="Train as the authors of a classic did.")
    ] = None,
    class_weights: Annotated[
        Literal["none", "softened", "median"] | None,
        typer.Option(help="How far rare classes count more. [default: softened]"),
    ] = None,
    reduction: Annotated[
        Literal["mean", "sum", "pixels"] | None,
        typer.Option(
            help="The sum of the pixels' losses, over their weight, not divided, or over their number. [default: mean]"
        ),
    ] = None,
    border_weight: Annotated[
        float | None, typer.Option(help="w0 of U-Net's weights between touching objects. [default: 0, none]")
    ] = None,
    elastic: Annotated[
        float | None, typer.Option(help="Elastic deformation by so many pixels. [default: 0, none]")
    ] = None,
    rotate: Annotated[
        bool | None,
        typer.Option("--rotate/--no-rotate", help="For images in any orientation: cells, maps, scans."),
    ] = None,
    stages: Annotated[bool, typer.Option("--stages", help="An FCN from the coarsest on, each from the last.")] = False,
    folds: Annotated[
        int | None, typer.Option(help="For sets too small to split: measure by cross-validation with so many parts.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="semantic: a class for each pixel; instance: objects, too; panoptic: an object or a class for each "
            "pixel; or a task that a package adds. [default: semantic]"
        ),
    ] = None,
    format: Format = None,
    bands: BandNumbers = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
) -> None:
    """Train a model on DATA: weights, model.onnx, metrics and a report in --out."""
    require_train_extra()
    from pixelwise.core.bands import parse_bands
    from pixelwise.data import open_dataset
    from pixelwise.training import train as run_training
    from pixelwise.training.memory import keep_freed_memory

    keep_freed_memory()
    run = run_training(
        open_dataset(data, format, None if bands is None else parse_bands(bands), images_root),
        out=out,
        task=task,
        model=model,
        encoder=encoder,
        width=width,
        options=option,
        minutes=minutes,
        epochs=epochs,
        seed=seed,
        pretrained=pretrained,
        encoder_weights=encoder_weights,
        freeze_through=freeze_through,
        start_from=start_from,
        config=config,
        resume=resume,
        skip_bad=skip_bad,
        recipe=recipe,
        class_weights=class_weights,
        reduction=reduction,
        border_weight=border_weight,
        elastic=elastic,
        rotate=rotate,
        stages=stages,
        folds=folds,
        wording=partial(in_flags, command="train"),
    )
    if as_json:
        print(json.dumps({"run": str(run.path), "model": str(run.path / "model.onnx"), **_scores(run)}))


def _scores(run: Run) -> dict[str, object]:
    """Return the split of a run's score and, called by it, the score; that of validation is there in any case."""
    return {
        "split": run.split,
        f"val_{run.measure}": run.val_score,
        **({f"{run.split}_{run.measure}": run.score} if run.split else {}),
    }
