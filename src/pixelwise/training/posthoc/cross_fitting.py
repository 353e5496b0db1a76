"""Fits after the training, and scores on images that were not used for the fits.

The class bias and the grouping of objects are fitted on validation images, the grouping also on training images if
there are few, since a handful of objects tells little about sizes and distances. The test split is scored, if there is
one; else the validation images are scored by cross-fitting: each half with what was fitted on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.splits import hash_fraction
from pixelwise.inference.evaluate import OnImage, add_metrics, new_metrics, score_items
from pixelwise.inference.loading import load
from pixelwise.model_export.onnx import NO_BIAS, export_onnx, replace_class_bias
from pixelwise.nn.pipeline import Pipeline
from pixelwise.tasks.base import Scorer, TaskScores
from pixelwise.training.config import RunConfig
from pixelwise.training.posthoc.class_bias import fit_class_bias, sample_logits, select_evenly
from pixelwise.training.posthoc.device_scoring import DeviceScoring
from pixelwise.training.posthoc.grouping import fit_grouping, grouping_remarks
from pixelwise.training.run_directory import RunDirectory
from pixelwise.training.weights import model_info, save_weights

Half = tuple[Path, Sequence[Item]]
"""A model file, and the validation images that were not used for its fits."""


@dataclass(frozen=True)
class MeasuredScores:
    """Scores of a run. split: `test`, `val`, or `folds` of a cross-validation. cross_fitted: whether each half of the
    images was scored with what was fitted on the other half. chose_weights: whether the weights were chosen by their
    score on these images."""

    split: str
    scores: TaskScores
    cross_fitted: bool = False
    chose_weights: bool = False

    @property
    def in_words(self) -> str:
        """The origin of the scores, in words."""
        if self.split == "folds":
            return "cross-validation, each image scored by a model that did not see it"
        if self.cross_fitted:
            return "val, each half scored with what was fitted on the other"
        return self.split

    @property
    def remarks(self) -> list[str]:
        """Remarks that a reader of the scores must know."""
        chosen = "The weights were chosen on these images, too: add a test split for an independent score."
        return [*self.scores.remarks, *([chosen] if self.chose_weights else [])]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the content of `metrics.json`."""
        content = {"split": self.split, "cross_fitted": self.cross_fitted, **self.scores.to_json_dict()}
        return content | {"remarks": self.remarks}


def measure(
    run: RunDirectory,
    dataset: Dataset,
    halves: Sequence[Half],
    on_image: OnImage,
    config: RunConfig,
    on_device: DeviceScoring | None = None,
) -> MeasuredScores | None:
    """Return the scores of the run's model file, with those of further metrics, on the test split, else on the
    validation images, in halves if `halves` has any; `None` without images. Removes the files of the halves."""
    split = headline_split(dataset)
    if split is None:
        return None
    is_cross_fitted = bool(halves) and split == "val"
    parts = halves if is_cross_fitted else [(run.model, dataset.splits[split])]
    further = new_metrics(config.metrics)
    scorers = []
    for file, items in parts:
        predictor = load(file, at_once=len(items)) if on_device is None else on_device.load(file)
        scorers.append(score_items(predictor, dataset, items, None, on_image, further))
    if is_cross_fitted:
        for path, _ in halves:
            path.unlink()
    scores = add_metrics(merge_scorers(scorers).scores(intervals=True), further)
    chose_weights = split == "val" and config.recipe.can_choose_by(len(dataset.splits["val"]))
    return MeasuredScores(split, scores, cross_fitted=is_cross_fitted, chose_weights=chose_weights)


def headline_split(dataset: Dataset) -> str | None:
    """Return the split on which a run is measured; `None` where there is none."""
    return next((split for split in ("test", "val") if dataset.splits.get(split)), None)


def merge_scorers(scorers: Sequence[Scorer]) -> Scorer:
    """Merge scorers of one task into the first, and return it."""
    first, *others = scorers
    for other in others:
        first.add(other)
    return first


def fit_and_export(
    run: RunDirectory,
    pipeline: Pipeline,
    config: RunConfig,
    dataset: Dataset,
    on_device: DeviceScoring | None = None,
) -> tuple[float, list[Half], list[str]]:
    """Fit the class bias and the grouping, and write the model file with them. They are fitted on the validation
    images, on a sample if there are many; if there are few, the grouping is fitted on training images as well. Return
    the strength of the logit adjustment (0..1), the files that score each half of the validation images, and remarks on
    the grouping.

    The fits use the predictions of the model file, which is faster than torch, or with `on_device` those of the net on
    the device. The results are also stored with the run's weights. Repeating this gives the same result.
    """
    val = dataset.splits.get("val", ())
    recipe, items = config.recipe, select_evenly(val, config.recipe.bias_images)
    if not recipe.calibrated or not items:
        export_onnx(pipeline.set_class_bias(None), model_info(config, pipeline), run.model)
        if on_device is not None:
            on_device.add(run.model, (NO_BIAS,) * model_info(config, pipeline).channels, pipeline.grouping)
        return 0.0, [], []
    info = model_info(config, pipeline)
    pipeline.set_class_bias((NO_BIAS,) * info.channels)
    export_onnx(pipeline, info, run.draft)
    predictor = load(run.draft) if on_device is None else on_device.plain()
    grouping = pipeline.grouping
    more = () if recipe.can_choose_by(len(val)) else select_evenly(dataset.splits["train"], recipe.grouping_images)
    is_sparse = recipe.label_points > 0
    logits = sample_logits(predictor, map(dataset.read, items), len(items), recipe.bias_values, sparse=is_sparse)
    pixels = dict(zip(items, logits, strict=True))

    def fit(members: Sequence[Item], path: Path) -> tuple[float, tuple[float, ...]]:
        """Write the model file with what is fitted on these items; return the share and the bias."""
        share, bias = fit_class_bias([pixels[item] for item in members], recipe)
        if grouping is not None:
            pipeline.grouping = fit_grouping(predictor, map(dataset.read, (*members, *more)), bias, grouping, recipe)
        bias += (0.0,) * (info.channels - len(bias))  # nothing is added to heat and offsets
        replace_class_bias(run.draft, bias, replace(info, grouping=pipeline.grouping), path)
        if on_device is not None:
            on_device.add(path, bias, pipeline.grouping)
        return share, bias

    halves: list[Half] = []
    if headline_split(dataset) == "val":
        ordered = sorted(val, key=lambda item: (hash_fraction(item.name), item.name))
        for path, half, others in zip(
            run.halves, (ordered[::2], ordered[1::2]), (ordered[1::2], ordered[::2]), strict=True
        ):
            if half:
                fit([item for item in others if item in pixels], path)
                halves.append((path, half))
    share, bias = fit(items, run.model)
    run.draft.unlink()
    save_weights(run.weights, pipeline.set_class_bias(bias), config)
    return share, halves, [] if pipeline.grouping is None else grouping_remarks(pipeline.grouping, recipe)
