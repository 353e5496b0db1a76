"""How good a model in training is on the validation images, which the processes of a run share among them."""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from pixelwise.inference.evaluate import update
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.metrics.instances import InstanceScorer
from pixelwise.training.samples import SampleStore


def validated(predictor: Predictor, store: SampleStore, accelerator: Accelerator) -> float | None:
    """Return the mean IoU, of an instance model the AP, in 0..1; `None` where there is nothing to score."""
    own = range(accelerator.process_index, len(store), accelerator.num_processes)
    score = _ap(predictor, store, own) if predictor.info.grouping else _miou(predictor, store, own, accelerator)
    return None if math.isnan(score) else score


def _miou(predictor: Predictor, store: SampleStore, own: range, accelerator: Accelerator) -> float:
    confusion = ConfusionMatrix(predictor.classes.num_classes)
    for sample in (store[index] for index in own):
        confusion.update(predictor.label_map(sample.image), sample.label_map)
    counts = torch.from_numpy(confusion.matrix).to(accelerator.device)
    confusion.matrix = accelerator.reduce(counts).cpu().numpy()
    return confusion.miou()


def _ap(predictor: Predictor, store: SampleStore, own: range) -> float:
    scorer = InstanceScorer(predictor.classes)
    for index in own:
        sample = store[index]
        update(scorer, predictor.predict(sample.image), sample, store.items[index])
    every = InstanceScorer(predictor.classes)
    for each in gather_object([scorer]):
        every.add(each)
    return every.scores().ap
