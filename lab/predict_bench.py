"""What `lab.predict` measures: the model files of a run, and the photos that they predict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pixelwise.data.dataset import Dataset
from pixelwise.training.finish import export_run

Rows = list[tuple[str, str]]
"""What was measured, and the figure."""
SAMPLE = 30
"""Photos that stand for all where a difference shows in a few."""
FAST = "--fast"


@dataclass(frozen=True)
class Bench:
    """What is measured: the model files of a run, with the photos of a test split; temporary files go to `folder`.

    `large` is the height and width of an image that is predicted in tiles.
    """

    run: Path
    dataset: Dataset
    folder: Path
    smp: Path | None = None
    large: tuple[int, int] = (2048, 3072)

    @cached_property
    def photos(self) -> list[Path]:
        return [item.image for item in self.dataset.splits["test"]]

    @cached_property
    def model(self) -> Path:
        return self.run / "model.onnx"

    @cached_property
    def fast(self) -> Path:
        """The run's model without flip TTA and scales."""
        path = self.folder / "fast.onnx"
        export_run(self.run, path, fast=True)
        return path

    @property
    def files(self) -> dict[str, Path]:
        return {"model.onnx": self.model, FAST: self.fast}
