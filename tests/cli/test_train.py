from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pixelwise.cli.train import _scores
from pixelwise.training.run import Run


def test_the_score_is_called_by_its_split_and_that_of_validation_is_there_too() -> None:
    test = _scores(Run(Path("r"), "miou", 0.5, split="test", val_score=0.6))
    assert test == {"split": "test", "test_miou": 0.5, "val_miou": 0.6}
    assert _scores(Run(Path("r"), "ap", 0.4, split="val", val_score=0.6)) == {"split": "val", "val_ap": 0.4}
    assert _scores(Run(Path("r"), "miou")) == {"split": None, "val_miou": None}


@pytest.mark.parametrize(("flag", "name", "close"), [("--model", "fpm", "fpn"), ("--encoder", "resnet19", "resnet18")])
def test_a_misspelt_net_is_refused_before_the_data_are_read(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, flag: str, name: str, close: str
) -> None:
    """The data do not even exist."""
    assert run("train", tmp_path / "no data", "--out", tmp_path / "run", flag, name) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"{flag}: found '{name}'" in told
    assert close in told
