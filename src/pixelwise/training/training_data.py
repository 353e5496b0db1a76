"""The data of a training: checked, without the images that were left out, with access to its samples."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.data.check import CheckResult
from pixelwise.data.dataset import Dataset
from pixelwise.training.samples import SampleStore


@dataclass(frozen=True)
class TrainingData:
    """A data set that is ready to be trained on."""

    dataset: Dataset
    check_result: CheckResult
    skipped: list[tuple[str, str]]
    """Files that were left out, each with the reason."""
    train: SampleStore
    val: SampleStore
