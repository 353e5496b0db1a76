"""`pixelwise models` and `pixelwise encoders`: list what can be trained."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pixelwise.cli.arguments import AsJson


def models(
    *,
    front: Annotated[bool, typer.Option("--front", help="Show measured accuracy and time of prediction.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models, with one line each."""
    from pixelwise.nn.models import MODELS, describe

    if front:
        _print_front(as_json=as_json)
    else:
        _print({name: describe(name) for name in MODELS}, as_json=as_json)


def encoders(*, as_json: AsJson = False) -> None:
    """List suggested encoders and those that packages add; any other convolutional net of timm works as well."""
    from pixelwise.nn.encoders import CLASSIFIERS, SUGGESTED
    from pixelwise.nn.encoders.registry import BUILT_IN, ENCODERS

    added = {
        name: f"of the family {family}, added by a package"
        for family in ENCODERS
        if family not in BUILT_IN
        for name in ENCODERS[family].names()
    }
    _print(SUGGESTED | CLASSIFIERS | added, as_json=as_json)


def _print_front(*, as_json: bool) -> None:
    from pixelwise.analysis.cost_table import load_front, pareto_front, read_front

    if as_json:
        print(json.dumps(read_front()))
        return
    measured_on, rows = load_front()
    lengths = sorted(rows[0].miou)
    best = {minutes: pareto_front(rows, minutes) for minutes in lengths}
    print(f"{measured_on}. *: no other model is as accurate at lower cost\n")
    print(f"{'model':14} {'encoder':30} {'width':>5} {'ms':>6}", *(f"{minutes:g} min".rjust(8) for minutes in lengths))
    for row in rows:
        encoder = row.encoder + ("" if row.pretrained else " untrained")
        name = f"{row.model:14} {encoder:30} {row.width or 1:>5g} {row.prediction_ms:>6.1f}"
        print(name, *(f"{row.miou[minutes]:7.3f}{'*' if row in best[minutes] else ' '}" for minutes in lengths))


def _print(lines: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, line in lines.items():
        print(f"{name:{width}}  {line}")
