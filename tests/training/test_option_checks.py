"""Options that contradict each other are refused before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "fpm"}, r"model: found 'fpm' \(did you mean fpn\?\); expected one of fpn"),
        ({"encoder": "resnet19"}, r"encoder: found 'resnet19'; expected an encoder's name \(close ones: .*resnet1"),
        ({"encoder": "resnet19", "resume": True}, "encoder: found 'resnet19'"),
        ({"model": "fcn8s", "encoder": "resnet18"}, "encoder: found 'resnet18'; expected a classifier"),
        ({"encoder": "vgg16"}, r"encoder: found 'vgg16', .* `encoder='timm/vgg16'`"),
    ],
)
def test_unknown_nets_and_encoders_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        check_options(TrainOptions(**options))


def test_a_run_that_goes_on_has_a_model_already() -> None:
    check_options(TrainOptions(encoder="vgg16", resume=True))
