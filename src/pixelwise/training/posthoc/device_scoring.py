"""Scoring at the end of a run on a GPU: the net in torch on the device stands in for the model file.

onnxruntime on the CPU would take most of the run's time. The file is still checked: it must label images as the device
does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.nn.pipeline import Pipeline
from pixelwise.training.config import RunConfig
from pixelwise.training.torch_engine import torch_predictor

CHECKED_IMAGES = 2
LEAST_AGREEMENT = 0.995
"""Least share of pixels that the file and the device must label equally. Where two classes are nearly equal, they round
differently."""


class DeviceScoring:
    """Predicts on a device as the model files of a run would."""

    def __init__(self, pipeline: Pipeline, config: RunConfig, device: torch.device) -> None:
        self.pipeline = copy.deepcopy(pipeline).to(device).to(memory_format=torch.channels_last).eval()
        self.config = config
        self._fitted: dict[Path, tuple[tuple[float, ...], GroupingParameters | None]] = {}

    def add(self, path: Path, class_bias: tuple[float, ...], grouping: GroupingParameters | None) -> None:
        """Store what was fitted for the model file at `path`."""
        self._fitted[path] = (class_bias, grouping)

    def plain(self) -> Predictor:
        """Return the predictor without a class bias."""
        self.pipeline.set_class_bias(None)
        return torch_predictor(self.pipeline, self.config)

    def load(self, path: Path) -> Predictor:
        """Return a predictor that predicts as the file at `path`. It is valid until the next one is loaded."""
        class_bias, grouping = self._fitted[path]
        self.pipeline.set_class_bias(class_bias)
        self.pipeline.grouping = grouping
        return torch_predictor(self.pipeline, self.config)

    def agreement(self, path: Path, images: Iterable[npt.NDArray[np.uint8]]) -> float:
        """Return the share of the images' pixels that the file at `path` labels as the device does."""
        file, device = load(path), self.load(path)
        same = [(file.label_map(image) == device.label_map(image)).ravel() for image in images]
        return float(np.concatenate(same).mean()) if same else 1.0


def scores_on_device(device: torch.device) -> bool:
    """Return whether a run that was trained on `device` is measured there."""
    return device.type != "cpu"
