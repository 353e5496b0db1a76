"""A pipeline in torch behind the interface that prediction uses, so that validation runs the same code."""

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
    """uint8 (N, H, W, C) -> float32 logits (N, K, H, W), on the pipeline's own device."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.device = next(pipeline.parameters()).device

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.tensor(images, device=self.device)
            logits: npt.NDArray[np.float32] = self.pipeline(pixels).float().cpu().numpy()
        return logits


def torch_predictor(pipeline: Pipeline, config: RunConfig) -> Predictor:
    """Return what predicts with `pipeline` as the model file that is exported from it will."""
    return Predictor(TorchEngine(pipeline), model_info(config, pipeline))
