"""A model file in torch: for who has a GPU that torch alone reaches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import ModelFileError
from pixelwise.inference.engines.base import Engine
from pixelwise.inference.engines.checks import check_logits, require_model, require_utf8, run_error, shorten_reason
from pixelwise.modelfile.graph import REMEDY
from pixelwise.modelfile.info import COARSE, ModelInfo
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import Image, LabelBlock
from pixelwise.torch_runtime.devices import find_device
from pixelwise.torch_runtime.graph import GraphModule
from pixelwise.torch_runtime.operators import UnsupportedError
from pixelwise.torch_runtime.stitching import stitch_labels

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
TILE_BYTES = 2**32
"""Memory of a GPU for each of the tiles that go through the net at once: the default model needs a fourth of it."""
MOST_TILES = 4


def open_engine(path: Path, device: Device = AUTO) -> TorchFileEngine:
    """Open a model file in torch on `device`."""
    return TorchFileEngine(path, device)


class TorchFileEngine(Engine):
    """Runs a model file with torch: on a CUDA device in float16 (the logits that come out are float32), elsewhere in
    float32.

    A net whose numbers leave the range of float16 goes on in float32. On a GPU several tiles of a large image go
    through the net at once, and are blended and turned into labels there.

    Raises `ModelFileError` for a file that is missing, was not written by pixelwise, or has an operation that is not in
    `operators`; `OptionError` and `MissingDependencyError` for a device that is not there.
    """

    def __init__(self, path: str | Path, device: Device = AUTO, *, half: bool | None = None) -> None:
        path = Path(path)
        self.device = find_device(device)
        require_model(path)
        with require_utf8(path):
            self.info = ModelInfo.read(path)
        try:
            graph = GraphModule(path)
        except UnsupportedError as error:
            raise self._unsupported(path, error) from error
        except Exception as error:  # a damaged file shows in errors of many kinds
            problem = f"a file that onnx cannot load ({shorten_reason(str(error) or type(error).__name__)})"
            raise ModelFileError(path, problem, "an ONNX model", REMEDY) from error
        self._path = path
        self._lock = threading.Lock()
        self.half = self.device.type == "cuda" if half is None else half
        self._graph = graph.eval().to(self.device)
        if self.half:
            self._graph = self._graph.to(torch.float16)
        if self.device.type == "cuda":
            self._graph = self._graph.to(memory_format=torch.channels_last)
        has_coarse = any(COARSE in node.outputs for node in graph.nodes)
        # On a GPU labels are cheaper than what the CPU would make of the coarse logits.
        self.coarse = (lambda images: self._run(images, COARSE)) if has_coarse and self.device.type == "cpu" else None
        self.label_blocks = None if self.device.type == "cpu" else self._label_blocks

    def __call__(self, images: UInt8) -> Float32:
        return self._run(images, "logits")

    def logits(self, images: UInt8, output: str = "logits") -> torch.Tensor:
        """Return an output of the graph on the device, float32 (N, K, height, width) of images uint8 (N, height, width,
        C). Numbers that float16 does not hold are not noticed here."""
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(images))
            if self.device.type == "cuda":
                pixels = pixels.pin_memory().to(self.device, non_blocking=True)
            elif self.device.type != "cpu":
                pixels = pixels.to(self.device)
            (logits,) = self._graph(pixels, (output,))
            return logits.float()  # type: ignore[no-any-return]

    def _run(self, images: UInt8, output: str) -> Float32:
        try:
            logits = self.logits(images, output).cpu().numpy()
        except UnsupportedError as error:
            raise self._unsupported(self._path, error) from error
        except RuntimeError as error:  # of torch, for memory too
            raise run_error(self._path, "torch", images, error) from error
        if self.half and not np.isfinite(logits).all():
            self._widen()
            return self._run(images, output)
        return check_logits(logits, self.info, self._path)

    def _widen(self) -> None:
        """Go on in float32, from the numbers of the file."""
        with self._lock:
            if self.half:
                self._graph = GraphModule(self._path).eval().to(self.device)
                self.half = False

    def _label_blocks(self, image: Image, tiling: Tiling, from_row: int = 0) -> Iterator[LabelBlock]:
        """Yield the labels of an image, block by block as `stitch_blocks` gives logits."""
        free = torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else 0
        at_once = max(1, min(MOST_TILES, free // TILE_BYTES))
        return stitch_labels(self._checked_logits, image, tiling, at_once=at_once, from_row=from_row)

    def _checked_logits(self, images: UInt8) -> torch.Tensor:
        """Return logits as `logits` does, in float32 where float16 does not hold them."""
        try:
            logits = self.logits(images)
            if bool(logits.isfinite().all()):
                return logits
        except UnsupportedError as error:
            raise self._unsupported(self._path, error) from error
        except RuntimeError as error:
            raise run_error(self._path, "torch", images, error) from error
        if self.half:
            self._widen()
            return self._checked_logits(images)
        check_logits(logits.cpu().numpy(), self.info, self._path)  # which raises
        return logits

    @staticmethod
    def _unsupported(path: Path, error: UnsupportedError) -> ModelFileError:
        remedy = "Use `engine='onnxruntime'`."
        return ModelFileError(path, f"an operation that the torch engine has not ({error})", "others", remedy)
