"""The live model against a net on labels that neither learned from, on pictures whose right half is brighter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.dataset import Item, Sample
from pixelwise.instances.objects import Objects
from pixelwise.studio import held_out as held_out_module
from pixelwise.studio.comparison import OBJECT_MEASURE
from pixelwise.studio.held_out import HeldOutLabels, compare_with_live
from pixelwise.studio.training_data import freeze_data

SIZE = (90, 140)


class _Info:
    def __init__(self, classes: Any, things: tuple[int, ...] = ()) -> None:
        self.classes = classes
        self.grouping = type("Grouping", (), {"things": things})() if things else None


class _Prediction:
    def __init__(self, info: _Info, label_map: np.ndarray, instances: Objects | None = None) -> None:
        self.info, self.label_map, self.instances = info, label_map, instances


def stroke(project: Any, image: int, column: int, class_index: int, rows: tuple[int, int] = (10, 80)) -> None:
    points = [[rows[0], column], [rows[1], column]]
    action = {"type": "stroke", "points": points, "width": 3, "class_index": class_index}
    project.perform(action, project.images[image].name)


def freeze(studio: Any, name: str) -> tuple[Path, Path]:
    """Return the data of a training, and its directory."""
    runs = studio.project.folder.studio / "runs"
    data = freeze_data(studio.project, runs / f"{name}-data")
    run = runs / name
    run.mkdir()
    (run / "config.yaml").write_text("")
    return data.path, run


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What each run started from, by its name."""
    from pixelwise.training.config import RunConfig

    runs: dict[str, str | None] = {}
    monkeypatch.setattr(held_out_module, "FIT_STEPS", 60)
    monkeypatch.setattr(
        RunConfig, "load", lambda path: type("Config", (), {"start_from": runs.get(Path(path).parent.name)})()
    )
    return runs


def held_out(studio: Any, labels: dict[int, np.ndarray], prediction: np.ndarray) -> HeldOutLabels:
    """Return what a net was scored on that predicts the same of every image."""
    result = HeldOutLabels()
    for number, label_map in labels.items():
        name = studio.project.images[number].name
        item = Item(Path(name).stem, Path(name), held_out=True)
        sample = Sample(np.zeros((*SIZE, 3), np.uint8), label_map)
        result.on_scored(item, sample, _Prediction(_Info(studio.project.classes), prediction))  # type: ignore[arg-type]
    return result


def test_both_are_scored_where_neither_learned(studio: Any, starts: dict[str, str | None]) -> None:
    project = studio.project
    for image in (0, 1):
        for column, class_index in ((20, 0), (60, 0), (80, 1), (120, 1)):
            stroke(project, image, column, class_index)
    # Strokes that are held out and wrong: who learned from them would know. One of them is right.
    for column, class_index in ((40, 1), (50, 1), (100, 0), (110, 0)):
        stroke(project, 1, column, class_index)
    labels = project.labels(project.images[1].name).label_map.read((0, 0, *SIZE))
    truth = np.full(SIZE, IGNORE_INDEX, np.uint8)
    for column in (38, 48, 98, 108, 118):
        truth[:, column : column + 4] = labels[:, column : column + 4]
    data, run = freeze(studio, "run-1")
    right = np.zeros(SIZE, np.uint8)
    right[:, 70:] = 1
    folder = project.folder.studio
    comparison = compare_with_live(held_out(studio, {1: truth}, 1 - right), data, run, folder, set())
    assert (comparison.metric, comparison.unit, comparison.units, comparison.images) == ("mIoU", "region", 5, 1)
    assert comparison.pixels == int((truth != IGNORE_INDEX).sum())
    # Four of the five strokes say the opposite of what the others teach; the net says the opposite, too.
    # Class 0: two strokes, and one of class 1 taken for it. Class 1: two of three strokes.
    assert comparison.net == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert comparison.live is not None
    assert comparison.live < 0.3

    # A training that started from this one learned all other strokes: of these nothing is compared.
    starts["run-2"] = str(run)
    data, later = freeze(studio, "run-2")
    again = compare_with_live(held_out(studio, {1: labels}, right), data, later, folder, set())
    assert again.pixels == comparison.pixels
    known = np.where(truth == IGNORE_INDEX, labels, np.uint8(IGNORE_INDEX))
    nothing = compare_with_live(held_out(studio, {1: known}, right), data, later, folder, set())
    assert nothing.net is None
    assert "nothing was held out" in nothing.reason


def test_without_labels_of_two_classes_in_the_rest_nothing_is_compared(studio: Any, starts: dict[str, Any]) -> None:
    stroke(studio.project, 0, 20, 0)
    stroke(studio.project, 1, 100, 1)
    labels = studio.project.labels("p1.png").label_map.read((0, 0, *SIZE))
    data, run = freeze(studio, "run-1")
    comparison = compare_with_live(
        held_out(studio, {1: labels}, labels), data, run, studio.project.folder.studio, set()
    )
    assert "single class" in comparison.reason


def test_objects_are_compared_by_what_is_found(studio: Any, starts: dict[str, str | None]) -> None:
    """The right half is one object: the live model finds it, a net that sees two halves of it does not."""
    project = studio.project
    for column, class_index in ((20, 0), (60, 0), (80, 1), (120, 1)):
        stroke(project, 0, column, class_index, (2, 88))
    data, run = freeze(studio, "run-1")
    label_map = np.zeros(SIZE, np.uint8)
    label_map[:, 70:] = 1
    halves = label_map.astype(np.int32)
    halves[45:, 70:] = 2
    result = HeldOutLabels()
    net = Objects(halves, np.ones(2, np.int32), np.ones(2, np.float32))
    sample = Sample(np.zeros((*SIZE, 3), np.uint8), label_map, label_map.astype(np.int32))
    prediction = _Prediction(_Info(project.classes, (1,)), label_map, net)
    result.on_scored(Item("p1", Path("p1.png")), sample, prediction)  # type: ignore[arg-type]
    comparison = compare_with_live(result, data, run, project.folder.studio, {"p1.png"})
    assert (comparison.metric, comparison.split, comparison.unit, comparison.units) == (
        OBJECT_MEASURE,
        "test",
        "object",
        1,
    )
    assert comparison.live == 1
    assert comparison.net in (0, 0.5)  # one half has an IoU of 0.5 at the most
    assert comparison.better is None  # of one object nobody can tell
