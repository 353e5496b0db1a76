"""Scores of a split: the same as counted by hand, and refused where they would mean nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

import pixelwise as pw
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import DataError, ImageError, OptionError
from pixelwise.data.dataset import Dataset, Item, Sample, labels_from_files
from pixelwise.inference.evaluate import METRICS, evaluate
from pixelwise.inference.loading import load
from pixelwise.inference.result import Result
from pixelwise.metrics.instances import InstanceScores

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, Int32, UInt8


def read_label_map(path: Path) -> UInt8:
    with Image.open(path) as mask:
        return np.array(mask)


@pytest.fixture
def dataset(colour: ColourModel, image: UInt8, tmp_path: Path) -> Dataset:
    """Three test images; the masks differ from the model's answer in one pixel of six, and ignore one of seven."""
    rng = np.random.default_rng(3)
    items = []
    for i in range(3):
        photo = image[i * 40 : i * 40 + 50]
        mask = colour.labels(photo)
        mask[rng.random(mask.shape) < 1 / 6] = 0
        mask[rng.random(mask.shape) < 1 / 7] = IGNORE_INDEX
        item = Item(f"{i}", tmp_path / f"{i}.png", tmp_path / f"{i}_mask.png")
        Image.fromarray(photo).save(item.image)
        Image.fromarray(mask).save(item.mask)
        items.append(item)
    return Dataset(
        tmp_path,
        "folders",
        colour.info.classes,
        {"train": (items[0],), "val": (), "test": tuple(items)},
        labels_from_files(read_label_map),
    )


def test_scores_are_those_counted_by_hand(model_file: Path, colour: ColourModel, dataset: Dataset) -> None:
    samples = [dataset.read(item) for item in dataset.splits["test"]]
    truth = np.concatenate([sample.label_map.ravel() for sample in samples])
    predicted = np.concatenate([colour.labels(sample.image).ravel() for sample in samples])
    known = truth != IGNORE_INDEX
    truth, predicted = truth[known], predicted[known]
    iou = [
        np.sum((truth == c) & (predicted == c)) / np.sum((truth == c) | (predicted == c))
        for c in range(colour.info.classes.num_classes)
    ]
    scores = evaluate(load(model_file), dataset)
    assert scores.images == 3
    assert scores.pixels == known.sum()
    assert scores.global_accuracy == pytest.approx(np.mean(truth == predicted), abs=1e-12)
    assert scores.miou == pytest.approx(np.mean(iou), abs=1e-12)
    assert [row["iou"] for row in scores.per_class.values()] == pytest.approx(iou, abs=1e-12)
    assert list(scores.per_class) == ["dark", "red", "green", "blue"]


def test_every_image_is_told_with_its_prediction(model_file: Path, colour: ColourModel, dataset: Dataset) -> None:
    told: list[tuple[Item, Sample, UInt8]] = []
    progress: list[tuple[int, int]] = []
    evaluate(
        load(model_file),
        dataset,
        on_progress=lambda done, total: progress.append((done, total)),
        on_image=lambda item, sample, prediction: told.append((item, sample, prediction.label_map)),
    )
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert [item for item, _, _ in told] == list(dataset.splits["test"])
    for item, sample, prediction in told:
        assert_array_equal(sample.label_map, dataset.read(item).label_map)
        assert_array_equal(prediction, colour.labels(dataset.read(item).image))


def test_another_split_is_another_set_of_images(model_file: Path, dataset: Dataset) -> None:
    assert evaluate(load(model_file), dataset, "train").images == 1


@pytest.mark.parametrize("split", ["validation", "val"])
def test_a_split_without_images_is_answered_with_those_that_have_some(
    model_file: Path, dataset: Dataset, split: str
) -> None:
    with pytest.raises(OptionError, match=f"split: found '{split}', .* expected one of train, test"):
        evaluate(load(model_file), dataset, split)


@pytest.mark.parametrize("names", [("dark", "red", "green"), ("dark", "red", "blue", "green"), ("a", "b", "c", "d")])
def test_other_classes_are_refused_and_both_are_listed(
    model_file: Path, dataset: Dataset, names: tuple[str, ...]
) -> None:
    other = dataclasses.replace(dataset, classes=ClassMap.from_names(names))
    with pytest.raises(DataError) as error:
        evaluate(load(model_file), other)
    assert f"found the classes {', '.join(names)}; expected" in str(error.value)
    assert "dark, red, green, blue" in str(error.value)


def test_a_border_class_is_none_of_a_model_of_objects(
    blob_file: Path, blob_image: UInt8, blob_map: Int32, tmp_path: Path
) -> None:
    """The labels have a third class on the line between two blobs, as a project of the studio has it."""
    root = tmp_path / "cells"
    border = np.where(blob_map > 0, np.uint8(2), np.uint8(0))
    border[:, 63:65][border[:, 63:65] == 2] = 1
    for folder, values in (("images", blob_image), ("masks", border), ("instances", blob_map.astype(np.uint16))):
        (root / folder).mkdir(parents=True)
        Image.fromarray(values).save(root / folder / "a.png")
    (root / "classes.yaml").write_text("classes: [background, border, blob]\n")
    (root / "test.txt").write_text("a\n")
    scores = evaluate(load(blob_file), pw.open_dataset(root), "test")
    assert isinstance(scores, InstanceScores)
    assert (scores.ap, scores.objects) == (1.0, 3)


def test_colours_of_classes_may_differ(model_file: Path, dataset: Dataset) -> None:
    other = dataclasses.replace(dataset, classes=ClassMap.from_names(dataset.classes.names))
    assert evaluate(load(model_file), other).miou == evaluate(load(model_file), dataset).miou


def test_a_damaged_image_ends_the_measurement(model_file: Path, dataset: Dataset) -> None:
    path = dataset.splits["test"][1].image
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ImageError, match=r"1\.png"):
        evaluate(load(model_file), dataset)


class Darkness:
    """The mean brightness of the pixels called dark, and of all."""

    def __init__(self) -> None:
        self.dark, self.all = [], []

    def update(self, prediction: Result, target: Sample, classes: ClassMap) -> None:
        assert prediction.label_map.shape == target.label_map.shape
        self.dark += target.image[prediction.label_map == classes.names.index("dark")].ravel().tolist()
        self.all += target.image.ravel().tolist()

    def scores(self) -> dict[str, float]:
        return {"dark": float(np.mean(self.dark)), "nothing": float("nan"), "all": float(np.mean(self.all))}


def test_a_metric_is_reported_where_it_is_asked_for(
    model_file: Path, colour: ColourModel, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS._entries))
    pw.register_metric("darkness", Darkness)
    images = [dataset.read(item).image for item in dataset.splits["test"]]
    dark = np.concatenate([image[colour.labels(image) == 0].ravel() for image in images])
    scores = evaluate(load(model_file), dataset, metrics=["darkness"])
    expected = {"dark": dark.mean(), "all": np.concatenate([image.ravel() for image in images]).mean()}
    assert scores.to_json_dict()["metrics"] == {"darkness": pytest.approx(expected | {"nothing": None})}
    assert "metrics" not in evaluate(load(model_file), dataset).to_json_dict()
    with pytest.raises(OptionError, match=r"metrics: found 'darknes' \(did you mean darkness\?\)"):
        evaluate(load(model_file), dataset, metrics=["darknes"])
