"""The process that trains for the studio. It reports its progress as one JSON object a line, and ends with its parent.

Started as `python -m pixelwise.studio.training_process ARGUMENTS`, where ARGUMENTS is a JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pixelwise.core.errors import PixelwiseError
from pixelwise.training.callbacks import Callback

PAUSE_SECONDS = 0.5
"""The least number of seconds between two reports of steps."""
NICE = 10
"""The nice value: a lower priority than that of the server, which answers requests meanwhile."""


class _Progress(Callback):
    """Writes lines to the parent."""

    def __init__(self) -> None:
        self._last = 0.0

    def on_start(self, step: int, steps: int) -> None:
        tell({"step": step, "steps": steps})

    def on_step(self, step: int, loss: float) -> None:
        now = time.monotonic()
        if now - self._last >= PAUSE_SECONDS:
            self._last = now
            tell({"step": step, "loss": loss})

    def on_validation(self, step: int, score: float) -> None:
        tell({"step": step, "val_score": score})

    def on_end(self, metrics: dict[str, Any]) -> None:
        """The parent reads metrics.json."""


def tell(data: dict[str, Any]) -> None:
    """Write a line for the parent."""
    print(json.dumps(data), flush=True)


def end_with_parent() -> None:
    """Make this process save a checkpoint and stop when its standard input ends: the parent has ended, or asks for
    it."""

    def wait() -> None:
        sys.stdin.read()
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Train with the options in the arguments."""
    arguments = json.loads(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(NICE)
    end_with_parent()
    from pixelwise.data import open_dataset
    from pixelwise.training.run import train

    try:
        images_root = arguments.pop("images_root")
        bands = arguments.pop("bands", None)
        dataset = open_dataset(arguments.pop("data"), "folders", bands, images_root)
        tell({"began": True})
        run = train(dataset, **arguments, callbacks=[_Progress()], quiet=True)
    except PixelwiseError as error:
        parts = {"where": error.where, "found": error.found, "expected": error.expected, "remedy": error.remedy}
        tell({"error": str(error), **parts})
        sys.exit(2)
    except KeyboardInterrupt:
        tell({"stopped": True})
        sys.exit(130)
    tell({"done": str(Path(run.path))})


if __name__ == "__main__":
    main()
