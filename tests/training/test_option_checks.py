"""Options that contradict each other are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import OptionError
from pixelwise.training.option_checks import check_options
from pixelwise.training.options import TrainOptions


def test_a_file_of_weights_is_one_source_of_them_and_exists(tmp_path: Path) -> None:
    (tmp_path / "w.pth").touch()
    for other, option in (({"pretrained": False}, "pretrained=False"), ({"start_from": Path("run")}, "start_from")):
        with pytest.raises(OptionError, match=f"encoder_weights: found `{option}` beside it"):
            check_options(TrainOptions(encoder_weights=tmp_path / "w.pth", **other))
    with pytest.raises(OptionError, match=r"encoder_weights: found no file .*none\.pth"):
        check_options(TrainOptions(encoder_weights=tmp_path / "none.pth"))
    with pytest.raises(OptionError, match="freeze_through: found 5; expected one of 0, 2, 4, 8, 16, 32"):
        check_options(TrainOptions(freeze_through=5))
    for model in ("unet", "segnet"):
        with pytest.raises(OptionError, match=f"pretrained: found model {model}, which has no encoder"):
            check_options(TrainOptions(model=model, pretrained=True))
        check_options(TrainOptions(model=model, pretrained=False))
