"""Every task keeps the promises of the protocol, and one from elsewhere is a task like the others."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import OptionError
from pixelwise.instances.grouping_parameters import CHANNELS, GroupingParameters
from pixelwise.modelfile.info import ModelInfo
from pixelwise.tasks import DEFAULT_TASK, TASKS
from pixelwise.tasks.base import Labelled, OptionRule

CLASSES = ClassMap.from_names(["background", "cell"])


def info_of(task: str) -> ModelInfo:
    grouping = GroupingParameters((1,)) if TASKS[task].has_objects else None
    return ModelInfo("by hand", None, task, CLASSES, (0.0,) * 3, (1.0,) * 3, 1, 64, 32, grouping=grouping)


def test_the_tasks_by_name() -> None:
    assert list(TASKS)[:3] == ["semantic", "instance", "panoptic"]
    assert DEFAULT_TASK == "semantic"
    with pytest.raises(OptionError, match=r"task: found 'panoptik' \(did you mean panoptic\?\)"):
        TASKS["panoptik"]


@pytest.mark.parametrize("name", list(TASKS))
def test_scores_hold_what_the_tables_show(name: str) -> None:
    task = TASKS[name]
    scores = task.scorer(info_of(name)).scores(intervals=True)
    content = scores.to_json_dict()
    assert {task.measure, *(figure.key for figure in task.tables.figures)} <= content.keys()
    assert content[task.measure] is None
    for row in scores.per_class.values():
        assert {*task.tables.class_columns, "images", "missed_images", "false_alarm_images"} <= row.keys()
    assert sum(task.details(scores).counts.values()) == 0


@pytest.mark.parametrize("name", list(TASKS))
def test_targets_have_the_channels_of_the_task(name: str, recipe: object) -> None:
    task, ids = TASKS[name], np.array([[0, 1, 1]], np.int32)
    target = task.target((ids > 0).astype(np.uint8), ids, recipe)  # type: ignore[arg-type]
    assert (target.dtype, target.shape) == (np.float32, (task.channels, 1, 3))
    assert task.channels == (CHANNELS if task.has_objects else 0)


@pytest.mark.parametrize("name", list(TASKS))
def test_pictures_leave_the_image_alone(name: str) -> None:
    from pixelwise.instances.objects import objects_from_maps

    task, image = TASKS[name], np.full((32, 32, 3), 100, np.uint8)
    label_map = np.zeros((32, 32), np.uint8)
    label_map[8:24, 8:24] = 1
    labels = Labelled(label_map, objects_from_maps(label_map, label_map.astype(np.int32)))
    for picture in (
        task.overlay(image, labels, CLASSES),
        task.errors(image, labels, labels, lambda values: values),
    ):
        assert (picture.dtype, picture.shape) == (np.uint8, (32, 32, 3))
        assert (picture[0, 0] == 100).all()
    assert (image == 100).all()


def test_an_option_that_does_not_go_with_a_task() -> None:
    rule = OptionRule("reduction", ("mean",), "Leave it out.")
    rule.check("instance", None)
    rule.check("instance", "mean")
    with pytest.raises(OptionError, match=r"reduction: found sum with `task='instance'`; expected mean\. Leave it out"):
        rule.check("instance", "sum")


@pytest.mark.parametrize("name", list(TASKS))
def test_prediction_loads_no_torch_and_no_statistics(name: str) -> None:
    code = (
        "import sys; from pixelwise.tasks import TASKS; TASKS[sys.argv[1]]; "
        "print(*({'torch', 'scipy.stats', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
