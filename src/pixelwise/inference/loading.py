"""From a model file, or the run directory around it, to a `Predictor`."""

from __future__ import annotations

from pathlib import Path

from pixelwise.core.errors import ModelFileError, OptionError, RunError
from pixelwise.inference.engines.onnxruntime import available_cores, require_file
from pixelwise.inference.engines.registry import ENGINES, HALF_ENGINE, open_engine
from pixelwise.inference.predictor import Predictor

AUTO = "auto"
"""The fastest of those that are installed."""
AT_ONCE = 4
"""So many images at most are worked on at once: each is in memory, with what the model makes of it."""


def load(path: str | Path, engine: str = "onnxruntime", at_once: int = 1) -> Predictor:
    """Load an .onnx model file, or the one in a run directory, without torch, into one of `ENGINES` or `HALF_ENGINE`.

    `AUTO` is the fastest of `ENGINES` with this file on this machine: it is timed once and remembered. All cores work
    on one image; or on `at_once`, 4 at most, each in a thread of the caller's, which is faster for many images.

    Raises `RunError` for a directory without a model.onnx, `ModelFileError` for a file that is not a model of
    pixelwise's, `OptionError` for another engine or one that is not for this processor, and `MissingDependencyError`
    for one that is not installed.
    """
    known = (*ENGINES, HALF_ENGINE, AUTO)
    if engine not in known:
        raise OptionError("engine", repr(engine), f"one of {', '.join(known)}", "Choose one of these.")
    path = model_path(path)
    if engine == AUTO:
        from pixelwise.inference.engine_benchmark import fastest_engine  # which only this asks for

        engine = fastest_engine(path)
    at_once = max(1, min(at_once, available_cores(), AT_ONCE))
    own = open_engine(path, engine, at_once)
    return Predictor(own, own.info, path, at_once)


def model_path(path: str | Path) -> Path:
    """Return the model file that is meant: `path` itself, or the one in the run directory `path`.

    Raises `RunError` for a directory without one, and `ModelFileError` where there is nothing.
    """
    path = Path(path)
    if not path.exists():
        remedy = "Check the path; `pixelwise train` writes a model.onnx into its `out` directory."
        raise ModelFileError(path, "no such file or directory", "a run directory or an .onnx file", remedy)
    if not path.is_dir():
        require_file(path)
        return path
    model = path / "model.onnx"
    if not model.is_file():
        remedy = "Finish the run with `train(resume=True)`, or name another directory."
        raise RunError(path, "no model.onnx", "the directory of a finished run", remedy)
    return model
