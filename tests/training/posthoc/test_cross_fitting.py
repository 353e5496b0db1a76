"""The headline is of images that nothing was fitted on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset, Item
from pixelwise.data.splits import hash_fraction
from pixelwise.metrics.confusion import ConfusionMatrix
from pixelwise.training.posthoc import cross_fitting
from pixelwise.training.posthoc.class_bias import fit_class_bias, sample_logits
from pixelwise.training.posthoc.cross_fitting import headline_split
from pixelwise.training.run import train
from pixelwise.training.torch_engine import torch_predictor
from pixelwise.training.weights import load_run
from pixelwise_scenes import write_scenes

SMALL: dict[str, Any] = {"model": "segnet_basic", "width": 0.06, "epochs": 2, "class_weights": "median", "quiet": True}


def run_of(folder: Path, val: int) -> tuple[Path, dict[str, Any]]:
    write_scenes(folder / "data", 0, {"train": 4, "val": val}, size=(64, 96))
    train(folder / "data", out=folder / "run", **SMALL)
    return folder / "run", json.loads((folder / "run" / "metrics.json").read_text(encoding="utf-8"))


def expected_miou(run: Path, fits: list[tuple[list[Item], list[Item]]], dataset: Dataset) -> float:
    """Return the mean IoU of the second items of each pair, with the bias of the first, by torch and plain numpy."""
    pipeline, config = load_run(run)
    predictor = torch_predictor(pipeline.set_class_bias(None), config)
    confusion = ConfusionMatrix(dataset.classes.num_classes)
    for fit, score in fits:
        logits = sample_logits(predictor, map(dataset.read, fit), len(fit), config.recipe.bias_values)
        _, bias = fit_class_bias(logits, config.recipe)
        for item in score:
            sample = dataset.read(item)
            scores = predictor.logits(sample.image) + np.array(bias, np.float32)[:, None, None]
            confusion.update(scores.argmax(axis=0), sample.label_map)
    return confusion.miou()


@pytest.mark.parametrize("val", [1, 5])
def test_each_half_of_the_validation_images_is_scored_with_what_was_fitted_on_the_other(
    val: int, tmp_path: Path
) -> None:
    """Of one image the other half is empty, and nothing is fitted: not on the image that is scored."""
    run, metrics = run_of(tmp_path, val)
    dataset = open_dataset(tmp_path / "data")
    items = sorted(dataset.splits["val"], key=lambda item: hash_fraction(item.name))
    expected = expected_miou(run, [(items[1::2], items[::2]), (items[::2], items[1::2])], dataset)
    # ONNX Runtime's logits differ from torch's in the last bits, which moves pixels at ties.
    assert metrics["miou"] == pytest.approx(expected, abs=2e-3)
    assert (metrics["split"], metrics["cross_fitted"], metrics["images"]) == ("val", True, val)
    assert sorted(row["name"] for row in metrics["per_image"]) == sorted(item.name for item in items)
    assert not list(run.glob("half*"))
    assert any("chosen on these images" in remark for remark in metrics["remarks"]) is (val == 5)
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "val, each half scored with what was fitted on the other" in report


@pytest.mark.parametrize(("val", "expected"), [(2, 6), (5, 5)])
def test_objects_are_grouped_by_training_images_too_where_few_validate(
    val: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def count(predictor: Any, samples: Any, bias: Any, grouping: Any, recipe: Any) -> Any:
        counts.append(len(list(samples)))
        return grouping

    monkeypatch.setattr(cross_fitting, "fit_grouping", count)
    write_scenes(tmp_path / "data", 0, {"train": 4, "val": val, "test": 1}, size=(64, 96))
    train(tmp_path / "data", out=tmp_path / "run", **SMALL | {"task": "instance", "epochs": 1})
    assert counts == [expected]


def test_the_headline_is_of_test_where_there_is_one() -> None:
    item = Item("a", Path("a"))
    for splits, expected in (
        ({"train": (item,), "val": (item,), "test": (item,)}, "test"),
        ({"train": (item,), "val": (item,)}, "val"),
        ({"train": (item,), "val": (), "test": ()}, None),
    ):
        assert headline_split(Dataset(Path(), "folders", None, splits, None)) == expected  # type: ignore[arg-type]
