"""A pipeline in torch with the interface of an engine, so that validation runs the same code as prediction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.inference.engines.base import Engine
from pixelwise.inference.predictor import Predictor
from pixelwise.nn.pipeline import Pipeline
from pixelwise.training.config import RunConfig
from pixelwise.training.weights import model_info


class TorchEngine(Engine):
    """uint8 (N, H, W, C) -> float32 logits (N, K, H, W), computed on the device of the pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.device = next(pipeline.parameters()).device

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.tensor(images, device=self.device)
            logits: npt.NDArray[np.float32] = self.pipeline(pixels).float().cpu().numpy()
        return logits


def torch_predictor(pipeline: Pipeline, config: RunConfig) -> Predictor:
    """Return a predictor for `pipeline` that predicts as the exported model file will."""
    return Predictor(TorchEngine(pipeline), model_info(config, pipeline))
