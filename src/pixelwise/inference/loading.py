"""From a model file, or the run directory around it, to a `Predictor`."""

from __future__ import annotations

from pathlib import Path

from pixelwise.core.device import Device
from pixelwise.core.errors import ModelFileError, RunError
from pixelwise.inference.engines.checks import available_cores, require_file
from pixelwise.inference.engines.registry import DEFAULT_ENGINE, open_engine
from pixelwise.inference.predictor import Predictor
from pixelwise.modelfile.graph import REMEDY
from pixelwise.modelfile.info import ModelInfo
from pixelwise.tasks import TASKS

MAX_AT_ONCE = 4
"""A limit on memory: each image that is predicted at the same time is in memory, with the outputs of the model."""


def load(path: str | Path, engine: str = DEFAULT_ENGINE, at_once: int = 1, device: str | None = None) -> Predictor:
    """Load a model, without torch.

    Parameters
    ----------
    path
        An .onnx model file, or a run directory, whose model.onnx is loaded.
    engine
        The engine: onnxruntime, openvino, openvino-bf16 (less exact), torch (in float16 on a GPU),
        onnxruntime-tensorrt, a registered one, or auto: the faster of the first two for this file on this machine,
        which is measured once and cached.
    at_once
        How many images are predicted at the same time, each in a thread, at most 4. With 1 all cores work on one image;
        more is faster for many images.
    device
        The device of the engine: `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`, or `"auto"` (default), which is a GPU if the
        engine reaches one.

    Returns
    -------
    Predictor

    Raises
    ------
    RunError
        A directory has no model.onnx.
    ModelFileError
        The file is missing, or no model of pixelwise.
    OptionError
        No engine has this name, or it does not run on this processor or `device`.
    MissingDependencyError
        The engine is not installed.

    Examples
    --------
    >>> import pixelwise as pw
    >>> model = pw.load("runs/photos")
    >>> model.classes.names
    ('background', 'square')
    >>> model.predict("photo.jpg").label_map.shape
    (64, 96)
    """
    where = Device.parse(device)
    path = model_path(path)
    at_once = max(1, min(at_once, available_cores(), MAX_AT_ONCE))
    opened = open_engine(path, engine, at_once, where)
    info = ModelInfo.read(path)
    _require_task(info, path)
    return Predictor(opened, info, path, at_once)


def _require_task(info: ModelInfo, path: Path) -> None:
    """Raise `ModelFileError` for a model of an unknown task, or one that lacks what its task needs."""
    if info.task not in TASKS:
        remedy = "Install the package that adds this task, or call `register_task` first."
        raise ModelFileError(path, f"task {info.task!r}", f"one of {', '.join(TASKS)}", remedy)
    if TASKS[info.task].has_objects != (info.grouping is not None):
        problem = f"task {info.task} {'without' if info.grouping is None else 'with'} things"
        raise ModelFileError(path, problem, "things in a model of a task with objects alone", REMEDY)


def model_path(path: str | Path) -> Path:
    """Return the model file at `path`: the path itself, or the model.onnx of a run directory.

    Raises `RunError` for a directory without a model, and `ModelFileError` if the path does not exist.
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
