"""`pixelwise train`: its flags are the options that `pixelwise.training.options` declares."""

from __future__ import annotations

import inspect
import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from pixelwise.cli.arguments import AsJson, BandNumbers, Data, Format, ImagesRoot, check_path
from pixelwise.cli.flags import use_flags
from pixelwise.core.extras import require_train_extra
from pixelwise.training.options import Option, TrainOptions, option_types

if TYPE_CHECKING:
    from pixelwise.training.run import Run


def train(
    data: Data,
    out: Annotated[
        Path,
        typer.Option(help="Directory of the run, new or empty; --resume continues the run there.", callback=check_path),
    ],
    *,
    format: Format = None,
    bands: BandNumbers = None,
    images_root: ImagesRoot = None,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Train a model on DATA: weights, model.onnx, metrics and a report in --out."""
    require_train_extra("this command")
    from pixelwise.core.bands import parse_bands
    from pixelwise.core.device import Device
    from pixelwise.data import open_dataset
    from pixelwise.torch_runtime.devices import find_device
    from pixelwise.training.memory import keep_freed_memory
    from pixelwise.training.option_checks import check_net
    from pixelwise.training.run import train as run_training

    keep_freed_memory()
    net = {name: options[name] for name in ("model", "encoder", "resume", "config")}
    check_net(TrainOptions(**net))  # first, since reading the data may take long
    find_device(Device.parse(options["device"]))
    dataset = open_dataset(data, format, None if bands is None else parse_bands(bands), images_root)
    run = run_training(dataset, out=out, **options, wording=partial(use_flags, command="train"))
    if as_json:
        print(json.dumps({"run": str(run.path), "model": str(run.path / "model.onnx"), **_scores(run)}))


def _scores(run: Run) -> dict[str, object]:
    """Return the split that a run was measured on, and by their names its score there and on the validation images."""
    return {
        "split": run.split,
        f"val_{run.measure}": run.val_score,
        **({f"{run.split}_{run.measure}": run.score} if run.split else {}),
    }


def _declare_options() -> None:
    """Give `train` a parameter for each field of `TrainOptions`; typer reads its signature."""
    signature, hints = inspect.signature(train), get_type_hints(train, include_extras=True)
    others = [parameter.replace(annotation=hints[name]) for name, parameter in signature.parameters.items()]
    declared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(TrainOptions(), name),
            annotation=_annotate(name, kind, option),
        )
        for name, (kind, option) in option_types().items()
    ]
    parameters = [*others[:2], *declared, *others[2:-1]]
    train.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    )
    train.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}


def _annotate(name: str, kind: Any, option: Option) -> Any:
    """Return the annotation from which typer makes a flag."""
    flag = f"--{option.flag or name.replace('_', '-')}"
    text = re.sub(r"`(\w+)`", lambda match: "--" + match[1].replace("_", "-"), option.help)
    declarations = {bool: [flag], bool | None: [f"{flag}/--no-{flag[2:]}"]}.get(kind, [flag])
    return Annotated[
        list[str] | None if kind == tuple[str, ...] | None else kind,
        typer.Option(
            *declarations,
            help=f"{text} [default: {option.default}]" if option.default else text,
            callback=check_path if kind == Path | None else None,
            rich_help_panel=option.group,
        ),
    ]


_declare_options()
