from __future__ import annotations

from pathlib import Path

from pixelwise.cli.train import _scores
from pixelwise.training.run import Run


def test_the_score_is_called_by_its_split_and_that_of_validation_is_there_too() -> None:
    test = _scores(Run(Path("r"), "miou", 0.5, split="test", val_score=0.6))
    assert test == {"split": "test", "test_miou": 0.5, "val_miou": 0.6}
    assert _scores(Run(Path("r"), "ap", 0.4, split="val", val_score=0.6)) == {"split": "val", "val_ap": 0.4}
    assert _scores(Run(Path("r"), "miou")) == {"split": None, "val_miou": None}
