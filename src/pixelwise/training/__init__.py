"""Training: recipe, data pipeline, the loop, checkpoints, the run directory and its report."""

from pixelwise.training.run import Run, train

__all__ = ["Run", "train"]
