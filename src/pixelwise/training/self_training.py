"""Self-training: a model in training labels its training images where it is certain, and learns from these
pseudo-labels.

Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML 2013
workshop; the threshold per class: Zou, Yu, Kumar, Wang, "Domain Adaptation for Semantic Segmentation via Class-Balanced
Self-Training", ECCV 2018, arXiv:1810.07911, section 4.1.

Differs from the papers: the first pseudo-labels are those of a live head that is fitted to the labels
(`pixelwise.labels.teacher`), since it is better than a net that has seen few of them; then the averaged weights label
the images a few times in a run, with the test-time augmentation of a prediction; the threshold of each class lies
between two given ones; predictions are first corrected for the class weights of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.core.errors import RunError
from pixelwise.core.text import quantity
from pixelwise.inference.mc_dropout import softmax
from pixelwise.inference.predictor import Predictor
from pixelwise.labels.teacher import Teacher
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.training.checkpoint import load_tensors, save_tensors
from pixelwise.training.config import RunConfig
from pixelwise.training.loop import Trainer
from pixelwise.training.posthoc.class_bias import class_bias
from pixelwise.training.recipe import Recipe
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.samples import Batch, PseudoLabels, SampleStore, batch_at
from pixelwise.training.schedule import training_parts
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.training_data import TrainingData

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]
Maps = dict[int, UInt8]
LABELLED, UNLABELLED = "labelled", "unlabelled"
"""The names of the two kinds of images in the file of a round."""


def round_steps(recipe: Recipe) -> list[int]:
    """Return the steps before which pseudo-labels are computed: the first step if a live head gives them, and those of
    the rounds; an extension begins with a round."""
    steps = [0] if recipe.teacher_lead else []
    first = 0
    for part in training_parts(recipe):
        if part.pseudo_rounds and first:
            steps.append(first)
        steps += [first + int(share * (part.steps - first)) for share in part.pseudo_rounds]
        first = part.steps
    return steps


@dataclass(frozen=True)
class SelfTraining:
    """The batches of a run with self-training. should_stop is called between images; on_message is called with how much
    was labelled.
    """

    run: RunDirectory
    config: RunConfig
    trainer: Trainer
    data: TrainingData
    should_stop: Callable[[], bool]
    on_message: Callable[[str], None]

    def batches(self) -> Iterator[Batch]:
        """Yield the batches from the trainer's step on, with pseudo-labels from the first round on.

        They end early if the run is to stop. The pseudo-labels of a round are stored beside the checkpoint until the
        last step, so that a resumed run continues with them.
        """
        trainer, train = self.trainer, self.data.train
        recipe, start = trainer.recipe, trainer.progress.step
        rounds = [step for step in round_steps(recipe) if step < recipe.steps]
        dataset = self.data.dataset
        unlabelled = SampleStore(dataset, dataset.unlabelled, self.run.path, read=dataset.read_unlabelled)
        if start not in rounds and start < recipe.steps and (earlier := [step for step in rounds if step < start]):
            train.pseudo = _load(self._file(earlier[-1]), unlabelled)
        for step in range(start, recipe.steps):
            if step in rounds:
                trainer.save(self.run.checkpoint)
                if not self._label_images(step, unlabelled):
                    return
            yield batch_at(train, recipe, trainer.seed, step, trainer.share, trainer.task)
        if trainer.accelerator.is_main_process:
            for step in rounds:
                self._file(step).unlink(missing_ok=True)
        train.pseudo = None

    def _file(self, step: int) -> Path:
        return self.run.checkpoint.parent / f"pseudo-labels-{step}.safetensors"

    def _label_images(self, step: int, unlabelled: SampleStore) -> bool:
        """Compute pseudo-labels of the training images; return whether the run continues. The first process computes
        them for all."""
        accelerator, path = self.trainer.accelerator, self._file(step)
        if accelerator.is_main_process:
            train, recipe = self.data.train, self.trainer.recipe
            chosen = choose_images(len(train) + len(unlabelled), recipe.pseudo_images, (self.trainer.seed, step))
            stores = [(train, index) if index < len(train) else (unlabelled, index - len(train)) for index in chosen]
            images = [partial(_image, store, index) for store, index in stores]
            by_teacher = recipe.teacher_lead > 0 and step == 0
            if by_teacher:
                maps = self._ask_teacher(images)
            else:
                predictor = torch_predictor(self.trainer.averaged_pipeline(), self.config)
                maps = label_images(predictor, iter(images), recipe, self.should_stop)
            if len(maps) == len(chosen):
                kinds = (LABELLED if store is train else UNLABELLED for store, _ in stores)
                names = [f"{kind}/{index}" for kind, (_, index) in zip(kinds, stores, strict=True)]
                tensors = map(torch.from_numpy, maps)
                save_tensors(path, dict(zip(names, tensors, strict=True)), {"step": step})
                share = sum(int(counted_pixels(labels).sum()) for labels in maps) / sum(labels.size for labels in maps)
                images_text = quantity(len(maps), "training image")
                source = "a live model of the labels" if by_teacher else "self-training"
                self.on_message(f"{source}: pseudo-labels for {share:.0%} of the pixels of {images_text}")
        accelerator.wait_for_everyone()
        if self.should_stop():
            return False
        self.data.train.pseudo = _load(path, unlabelled)
        return True

    def _ask_teacher(self, images: Sequence[Callable[[], UInt8]]) -> list[UInt8]:
        """Return the labels that a live head gives images, uint8 (height, width) each, where it is certain enough;
        fewer if the run is to stop."""
        train, recipe, seed = self.data.train, self.trainer.recipe, self.trainer.seed
        learned = choose_images(len(train), recipe.pseudo_images, (seed, 0))
        num_classes = self.config.class_map.num_classes
        read = [partial(_image_and_labels, train, index) for index in learned]
        teacher = Teacher.fit(read, num_classes, seed=seed, should_stop=self.should_stop)
        maps: list[UInt8] = []
        for image in images:
            if teacher is None or self.should_stop():
                return []
            labels, lead = teacher.label(image())
            maps.append(np.where(lead >= 255 * recipe.teacher_lead, labels, np.uint8(IGNORE_INDEX)))
        return maps


def choose_images(count: int, most: int, key: tuple[int, int]) -> list[int]:
    """Return the ascending indices of the images, of `count`, to label: all, or `most` random ones that depend on
    `key`."""
    order = np.random.default_rng((*key, 2)).permutation(count)[:most]
    return sorted(order.tolist())


def label_images(
    predictor: Predictor, images: Iterator[Callable[[], UInt8]], recipe: Recipe, should_stop: Callable[[], bool]
) -> list[UInt8]:
    """Return the pseudo-labels, uint8 (height, width), of images, each given as a function that reads it; fewer if the
    run is to stop."""
    bias = np.array(class_bias(recipe.class_weights, recipe.pseudo_adjustment), np.float32)[:, None, None]
    counts = np.zeros((len(bias), 256), np.int64)
    predictions = []
    for read in images:
        if should_stop():
            return []
        labels, confidence = _predict(predictor, read(), bias)
        cells = 256 * labels.ravel().astype(np.int64) + confidence.ravel()
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
        predictions.append((labels, confidence))
    least = confidence_thresholds(counts, recipe.confidence, recipe.confident_share)
    return [np.where(confidence >= least[labels], labels, np.uint8(IGNORE_INDEX)) for labels, confidence in predictions]


def confidence_thresholds(counts: Int64, limits: tuple[float, float], share: float) -> Int64:
    """Return the least confidence in 255ths, int64 (K,), at which a pixel of each predicted class has a pseudo-label.

    Parameters
    ----------
    counts
        Histogram of the confidence of each class's pixels, int64 (K, 256).
    limits
        The least confidence of any pseudo-label, and the confidence that is always sufficient.
    share
        Between the limits, the share of a class's pixels that get a pseudo-label, the most certain first.
    """
    surer = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # pixels of at least each confidence
    reached = surer >= share * surer[:, :1]
    last = 255 - reached[:, ::-1].argmax(axis=1)  # the highest confidence that enough pixels reach
    least, enough = (round(255 * limit) for limit in limits)
    thresholds: Int64 = np.clip(last, least, enough)
    return thresholds


def _predict(predictor: Predictor, image: UInt8, bias: npt.NDArray[np.float32]) -> tuple[UInt8, UInt8]:
    """Return the class of each pixel and its probability in 255ths, uint8 (height, width) each."""
    labels = np.empty(image.shape[:2], np.uint8)
    confidence = np.empty(image.shape[:2], np.uint8)
    for block in predictor.blocks(image):
        probabilities = softmax(block.logits[: len(bias)] + bias)
        labels[block.place] = probabilities.argmax(axis=0)
        confidence[block.place] = np.rint(255 * probabilities.max(axis=0))
    return labels, confidence


def _image_and_labels(store: SampleStore, index: int) -> tuple[UInt8, UInt8]:
    sample = store[index]
    return sample.image, sample.label_map


def _image(store: SampleStore, index: int) -> UInt8:
    return store[index].image


def _load(path: Path, unlabelled: SampleStore) -> PseudoLabels:
    """Return the pseudo-labels of a round."""
    tensors, _ = load_tensors(path)
    maps: dict[str, Maps] = {LABELLED: {}, UNLABELLED: {}}
    try:
        for name, tensor in tensors.items():
            kind, _, index = name.partition("/")
            maps[kind][int(index)] = tensor.numpy()
    except (LookupError, ValueError) as error:
        raise RunError(path, "other tensors", "pseudo-labels", "Start a new run.") from error
    return PseudoLabels(maps[LABELLED], maps[UNLABELLED], unlabelled)
