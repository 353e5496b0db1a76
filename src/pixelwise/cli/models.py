"""`pixelwise models` and `pixelwise encoders`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def models(as_json: AsJson = False) -> None:
    """List the models, with one line each."""
    from pixelwise.models import MODELS, describe

    _print({name: describe(name) for name in MODELS}, as_json)


def encoders(as_json: AsJson = False) -> None:
    """List suggested encoders, with one line each; any other convolutional net of timm works as well."""
    from pixelwise.encoders import CLASSIFIERS, SUGGESTED

    _print(SUGGESTED | CLASSIFIERS, as_json)


def _print(lines: dict[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, line in lines.items():
        print(f"{name:{width}}  {line}")
