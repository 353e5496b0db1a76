"""The process that trains for the studio. It reports its progress as one JSON object a line, and ends with its parent.

Started as `python -m pixelwise.studio.training_process ARGUMENTS`, where ARGUMENTS is a JSON object.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.errors import OutputError, PixelwiseError
from pixelwise.data.dataset import Dataset
from pixelwise.studio.child_process import begin, tell, told_mistakes
from pixelwise.training.callbacks import Callback

if TYPE_CHECKING:
    from pixelwise.studio.comparison import Comparison
    from pixelwise.studio.held_out import HeldOutLabels

PAUSE_SECONDS = 0.5
"""The least number of seconds between two reports of steps."""


class _Progress(Callback):
    """Writes lines to the parent."""

    def __init__(self) -> None:
        self._last = 0.0
        self._steps = 0

    def on_start(self, step: int, steps: int) -> None:
        self._steps = steps
        tell({"step": step, "steps": steps})

    def on_step(self, step: int, loss: float) -> None:
        now = time.monotonic()
        if step >= self._steps:
            tell({"step": step, "phase": "measuring"})
        elif now - self._last >= PAUSE_SECONDS:
            self._last = now
            tell({"step": step, "loss": loss})

    def on_validation(self, step: int, score: float) -> None:
        tell({"step": step, "val_score": score})

    def on_end(self, metrics: dict[str, Any]) -> None:
        """The parent reads metrics.json."""


def main() -> None:
    """Train with the options in the arguments."""
    arguments = begin()
    from pixelwise.data import open_dataset
    from pixelwise.studio.held_out import HeldOutLabels
    from pixelwise.training.run import train

    try:
        with told_mistakes():
            images_root = arguments.pop("images_root")
            bands = arguments.pop("bands", None)
            studio, comparison = Path(arguments.pop("studio")), Path(arguments.pop("comparison"))
            dataset = open_dataset(arguments.pop("data"), "folders", bands, images_root)
            tell({"began": True})
            held_out = HeldOutLabels()
            run = train(dataset, **arguments, callbacks=[_Progress(), held_out], quiet=True)
    except KeyboardInterrupt:
        tell({"stopped": True})
        sys.exit(130)
    with contextlib.suppress(OutputError):  # a full disk: the run is there, and nothing is known of which is better
        compare(held_out, dataset, run.path, studio).save(comparison)
    tell({"done": str(run.path)})


def compare(held_out: HeldOutLabels, dataset: Dataset, run: Path, studio: Path) -> Comparison:
    """Return the scores of the run and of the live model; why there are none, where it cannot be told."""
    from pixelwise.studio.comparison import Comparison
    from pixelwise.studio.held_out import compare_with_live

    if not held_out.images:
        return Comparison(reason="no labels were held out")
    tell({"phase": "comparing"})
    tests = {item.image.name for item in dataset.splits.get("test", ()) if not item.auto_split}
    try:
        return compare_with_live(held_out, dataset.root, run, studio, tests)
    except PixelwiseError as error:
        return Comparison(reason=str(error))
    except KeyboardInterrupt:  # the run itself is finished
        return Comparison(reason="it was stopped")


if __name__ == "__main__":
    main()
