"""Training in the background, with a stand-in for the process that trains: what is told, stopped, resumed, shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelwise.core.errors import DataError, OptionError
from pixelwise.studio import training as training_module
from pixelwise.studio.child_process import error_parts
from pixelwise.studio.comparison import Comparison
from pixelwise.studio.training_data import freeze_data

STAND_IN = """
import json, pathlib, sys, threading, time
arguments = json.loads(sys.argv[1])
out = pathlib.Path(arguments["out"])
out.mkdir(exist_ok=True)
(out / "arguments.json").write_text(sys.argv[1])
gone = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), gone.set()), daemon=True).start()
print("a library says hello", flush=True)
print(json.dumps({"step": 0, "steps": 1 if arguments.get("minutes") == 0.5 else 300}), flush=True)
for score in (0.25, 0.25 if arguments.get("minutes") == 3 else 0.5):
    print(json.dumps({"val_score": score}), flush=True)
if arguments["minutes" if "minutes" in arguments else "resume"] == 9:
    print(json.dumps({"error": "no"}), flush=True)
    sys.exit(2)
if arguments.get("minutes") == 5:
    (out / "config.yaml").write_text("")
    gone.wait(20)
    print(json.dumps({"stopped": True}), flush=True)
    sys.exit(130)
(out / "metrics.json").write_text(json.dumps({"miou": 0.5, "split": "test"}))
(out / "model.onnx").write_text("")
if arguments.get("resume"):
    figures = {"net": 0.4, "live": 0.6, "low": -0.3, "high": -0.1, "units": 8, "images": 2, "pixels": 90}
    pathlib.Path(arguments["comparison"]).write_text(json.dumps({"unit": "region", **figures}))
print(json.dumps({"done": str(out)}), flush=True)
"""


@pytest.fixture
def training(studio: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(training_module, "PROGRAM", [sys.executable, "-c", STAND_IN])
    shown: list[str] = []
    monkeypatch.setattr(studio.training, "_on_done", lambda run: shown.append(run.name))
    studio.training.shown = shown
    for row, class_index in ((5, 0), (15, 1)):
        points = [[row, 10], [row, 30]]
        stroke = {"type": "stroke", "points": points, "width": 3, "class_index": class_index}
        client.post("/api/actions", json={"client": "c", "image": 0, **stroke})
    return studio.training


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def command(client: Any, **content: Any) -> Any:
    return client.post("/api/training", json=content)


def test_finished_run_is_measured_and_shown(client: Any, studio: Any, training: Any) -> None:
    assert command(client, command="start", minutes=1).json()["state"] == "running"
    wait(lambda: training.shown == ["run-1"])
    state = training.describe()
    assert (state["state"], state["share"], state["score"]) == ("done", 1.0, 0.5)
    (run,) = state["runs"]
    assert (run["name"], run["score"], run["metric"], run["minutes"]) == ("run-1", 0.5, "mIoU", 1)
    assert (run["split"], run["images"], run["comparison"]) == ("test", None, None)
    (point,) = client.get("/api/curve").json()
    assert (point["score"], point["split"], point["run"]) == (0.5, "test", "run-1")
    command(client, command="start", minutes=1, from_run="run-1")
    wait(lambda: training.shown == ["run-1", "run-2"])
    runs = studio.project.folder.studio / "runs"
    arguments = json.loads((runs / "run-2" / "arguments.json").read_text())
    assert arguments["start_from"] == str(runs / "run-1")
    assert len(client.get("/api/curve").json()) == 2
    exports = {"model": True, "report": True, "run": "run-2", "live": True}
    assert client.get("/api/project").json()["exports"] == exports
    studio.live.use = "run-1"  # shown
    assert client.get("/api/project").json()["exports"]["run"] == "run-1"


def test_stopped_run_is_resumed_also_after_a_restart(client: Any, studio: Any, training: Any) -> None:
    command(client, command="start", minutes=5)
    assert command(client, command="start").json()["error"]["where"] == "training"
    assert command(client, command="stop").status_code == 200
    wait(lambda: training.describe()["state"] == "stopped")
    again = training_module.Training(studio.project, studio.curve, lambda: None, lambda run: None)
    assert (again.describe()["state"], again.describe()["run"], again.describe()["minutes"]) == ("stopped", "run-1", 5)
    again.resume()
    wait(lambda: again.describe()["state"] == "done")
    arguments = json.loads((studio.project.folder.studio / "runs" / "run-1" / "arguments.json").read_text())
    assert arguments["resume"] is True
    assert again.runs()[0]["comparison"]["better"] == "live"
    assert "minutes" not in arguments


@pytest.mark.parametrize(("minutes", "doubt"), [(0.5, "few_steps"), (3, "no_rise"), (1, "")])
def test_training_that_was_too_short_is_told(client: Any, training: Any, minutes: float, doubt: str) -> None:
    command(client, command="start", minutes=minutes)
    wait(lambda: training.describe()["state"] == "done")
    assert training.describe()["doubt"] == doubt
    assert training.describe()["steps"] == (1 if doubt == "few_steps" else 300)


@pytest.mark.parametrize(
    ("before", "low", "high", "after"),
    [
        ("live", 0.1, 0.2, "run-1"),
        ("live", -0.1, 0.2, "live"),
        ("live", -0.2, -0.1, "live"),
        ("other", 0.1, 0.2, "run-1"),
        ("other", -0.1, 0.2, "other"),
        ("other", -0.2, -0.1, "live"),
        ("other", None, None, "other"),
    ],
)
def test_the_better_model_is_shown(
    studio: Any, monkeypatch: pytest.MonkeyPatch, before: str, low: float | None, high: float | None, after: str
) -> None:
    runs = studio.project.folder.studio / "runs"
    monkeypatch.setattr(studio, "show_run", lambda name, path: studio.live.show(name, None))
    studio.live.use = before
    Comparison(net=0.5, live=0.5, low=low, high=high, units=9).save(runs / "run-1-comparison.json")
    studio._show_trained(runs / "run-1")
    assert studio.live.use == after


def test_a_run_of_objects_has_the_measure_of_its_report_and_of_the_comparison(tmp_path: Path) -> None:
    figures = {"split": "test", "ap": 0.57, "ap50": 0.8, "pq": 0.7, "dsb": {"0.5": 0.81, "0.6": 0.7}}
    (tmp_path / "metrics.json").write_text(json.dumps({**figures, "images": 1, "objects": 51}))
    assert training_module.read_score(tmp_path) == {
        "score": 0.81, "metric": "TP / (TP + FN + FP)", "split": "test", "images": 1, "objects": 51,
    }  # fmt: skip
    Comparison(metric="AP", net=0.8, live=0.9).save(tmp_path / "of-an-earlier-version.json")
    earlier = Comparison.load(tmp_path / "of-an-earlier-version.json")
    assert earlier is not None
    assert earlier.metric == "TP / (TP + FN + FP)"


def test_remaining_time_is_that_of_the_steps_and_unknown_before_and_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(training_module.time, "monotonic", lambda: now)
    state = training_module._State(training_module.RUNNING)
    assert (state.remaining_seconds, state.share_of_steps) == (None, None)
    state.hear({"step": 0, "steps": 50})
    assert (state.remaining_seconds, state.share_of_steps) == (None, 0)
    now = 120.0
    state.hear({"step": 10})
    assert (state.remaining_seconds, state.share_of_steps) == (40 * 2, 0.2)
    now = 123.0
    assert state.remaining_seconds == 77
    state.hear({"step": 50, "phase": "measuring"})
    assert (state.remaining_seconds, state.share_of_steps) == (None, None)


def test_a_file_in_the_working_directory_is_no_library(tmp_path: Path) -> None:
    for name in ("json", "torch", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    run = subprocess.run([*training_module.PROGRAM, "no JSON"], cwd=tmp_path, capture_output=True, text=True)
    assert "JSONDecodeError" in run.stderr


def test_failure_is_told(client: Any, training: Any) -> None:
    command(client, command="start", minutes=9)
    wait(lambda: training.describe()["state"] == "failed")
    assert training.describe()["message"] == "no"
    assert training.shown == []


@pytest.mark.parametrize(
    "content",
    [
        {"command": "begin"},
        {"command": "stop"},
        {"command": "resume"},
        {"command": "start", "minutes": "2"},
        {"command": "start", "minutes": 0},
        {"command": "start", "task": "depth"},
        {"command": "start", "from_run": "run-1"},
        {"command": "start", "from_run": 1},
    ],
)
def test_mistakes_start_nothing(client: Any, training: Any, content: dict[str, Any]) -> None:
    assert command(client, **content).status_code == 400
    assert training.describe()["state"] == "idle"


def test_without_labels_of_two_classes_outside_of_test_images_nothing_starts(studio: Any, client: Any) -> None:
    action = {"client": "c", "image": 0, "type": "stroke", "points": [[5, 5]], "width": 3, "class_index": 1}
    client.post("/api/actions", json=action)
    assert "labels of 1 class" in command(client, command="start").json()["error"]["found"]
    client.post("/api/actions", json={**action, "image": 1, "class_index": 0})
    client.post("/api/actions", json={"client": "c", "image": 1, "type": "mark_test", "value": True})
    with pytest.raises(DataError):
        studio.training.start(1)
    with pytest.raises(OptionError):
        studio.training.path_of("run-1")


def test_images_labelled_throughout_without_objects_are_left_out_of_a_training_on_objects(
    studio: Any, client: Any, training: Any
) -> None:
    for image, class_index in ((1, 1), (2, 0)):  # of background alone there is nothing to accept
        action = {"client": "c", "image": image, "type": "clean", "class_index": class_index}
        client.post("/api/actions", json=action)
    training.start(1, task="instance")
    assert "left out: 1 image." in training.describe()["message"]
    wait(lambda: training.describe()["state"] == "done")
    folder = studio.project.folder.studio / "runs"
    assert json.loads((folder / "run-1" / "arguments.json").read_text())["skip_bad"] is True


def test_data_of_a_training_stay_as_they_were(studio: Any, client: Any, training: Any) -> None:
    from pixelwise.data import open_dataset
    from pixelwise.raster.image import read_values

    client.post("/api/actions", json={"client": "c", "image": 2, "type": "mark_test", "value": True})
    data = freeze_data(studio.project, studio.project.folder.studio / "runs" / "frozen")
    before = read_values(data.path / "masks" / "p0.png")
    client.post("/api/actions", json={"client": "c", "image": 0, "type": "clear"})
    studio.project.flush()
    assert (read_values(data.path / "masks" / "p0.png") == before).all()
    assert (before != 255).any()
    assert (read_values(studio.project.mask_path("p0.png")) == 255).all()
    lines = {path.name: path.read_text().split() for path in data.path.glob("*.txt")}
    assert lines == {"train.txt": ["p0.png", "p1.png"], "test.txt": ["p2.png"]}
    assert open_dataset(data.path).format == "folders"


def test_a_training_of_objects_has_no_border(studio: Any) -> None:
    """A border stroke over the edge of an object: within it is the object's class, outside of it no label."""
    from pixelwise.data import open_dataset

    project = studio.project
    project.perform({"type": "class_add", "name": "border"})
    project.perform({"type": "class_add", "name": "leaf"})
    border, leaf = (project.classes.names.index(name) for name in ("border", "leaf"))
    assert leaf == border + 1
    for point, class_index in (([2.5, 2.5], 0), ([8.5, 6.5], leaf)):
        action = {"type": "stroke", "points": [point], "width": 1, "class_index": class_index}
        project.perform(action, "p0.png")
    box = [[8, 6], [8, 12], [12, 12], [12, 6]]
    project.perform({"type": "polygon", "points": box, "class_index": leaf}, "p0.png")
    project.perform({"type": "object_add", "point": [9.5, 8.5]}, "p0.png", resolve=studio.correct(0).resolve)
    line = {"type": "stroke", "points": [[9.5, 10.5], [9.5, 15.5]], "width": 1, "class_index": border}
    project.perform(line, "p0.png")
    for task, names, row in (
        (None, project.classes.names, [leaf] * 4 + [border] * 6 + [255]),
        ("instance", tuple(name for name in project.classes.names if name != "border"), [leaf - 1] * 6 + [255] * 5),
    ):
        data = freeze_data(project, project.folder.studio / "runs" / f"frozen-{task}", task)
        dataset = open_dataset(data.path, images_root=data.images_root)
        item = next(item for item in dataset.splits["train"] if item.name == "p0")
        sample = dataset.read(item)
        assert dataset.classes.names == names
        assert sample.label_map[9, 6:17].tolist() == row
        assert sample.instance_map is not None
        assert (sample.instance_map > 0).sum() == 24


def draw_cells(project: Any, studio: Any) -> None:
    """Label the first image throughout: three squares of class 1, of which two become objects, and a lone pixel."""
    for corner in ((2, 2), (2, 12), (12, 2)):
        (top, left), side = corner, 5 if corner == (2, 2) else 6
        box = [[top, left], [top, left + side], [top + side, left + side], [top + side, left]]
        project.perform({"type": "polygon", "points": box, "class_index": 1}, "p0.png")
    project.perform({"type": "stroke", "points": [[7.5, 20.5]], "width": 1, "class_index": 1}, "p0.png")
    for point in ([3.5, 3.5], [3.5, 13.5]):
        project.perform({"type": "object_add", "point": point}, "p0.png", resolve=studio.correct(0).resolve)
    project.perform({"type": "clean", "class_index": 0}, "p0.png")


def test_labels_without_an_object_are_no_labels_in_a_training_on_objects(studio: Any) -> None:
    from pixelwise.data import open_dataset
    from pixelwise.data.check import check

    project = studio.project
    draw_cells(project, studio)
    data = freeze_data(project, project.folder.studio / "runs" / "frozen", "instance")
    (region,) = data.loose.regions  # 36 pixels, more than the smallest object, which has 25
    assert (region.image, region.class_name, region.pixels) == ("p0.png", project.classes.names[1], 36)
    assert 12 <= region.point[0] < 18
    assert 2 <= region.point[1] < 8
    assert data.loose.pixels == {"p0.png": 37}
    told = data.loose.describe()
    assert told.startswith("37 labelled pixels of p0.png belong to no object and so count as unlabelled here.")
    assert f"p0.png at row {region.point[0]}, column {region.point[1]}" in told
    dataset = open_dataset(data.path, images_root=data.images_root)
    item = next(item for item in dataset.splits["train"] if item.name == "p0")
    sample = dataset.read(item)
    assert sample.instance_map is not None
    assert (sample.label_map[sample.instance_map > 0] == 1).all()
    assert (sample.label_map == 1).sum() == 25 + 36
    assert (sample.label_map == 255).sum() == 37
    assert not [problem for problem in check(dataset).problems if problem.kind == "missing_objects"]
    whole = freeze_data(project, project.folder.studio / "runs" / "whole")
    assert whole.loose.pixels == {}
    assert whole.loose.describe() == ""


def test_labels_without_an_object_are_told_with_the_training(client: Any, studio: Any, training: Any) -> None:
    draw_cells(studio.project, studio)
    told = "121 labelled pixels of p0.png belong to no object"  # 37, and the 84 of the stroke of this fixture
    command(client, command="start", minutes=1, task="instance")
    assert told in training.describe()["message"]
    first, second = training.describe()["places"]
    assert (first["image"], first["name"]) == (0, "p0.png")
    assert 12 <= second["point"][0] < 18
    wait(lambda: training.describe()["state"] == "done")
    assert told in training.describe()["message"]


def test_a_failure_names_the_image_and_no_option_of_python(tmp_path: Path) -> None:
    found, expected = "2 images (the first: a `x`. Leave it out (`train(skip_bad=True)`).)", "none"
    error = DataError(
        tmp_path / "run-1-data" / "images" / "p0.png", found, expected, "Run `pixelwise check a`. Mend it."
    )
    parts = {"error": str(error), **error_parts(error)}
    told = training_module.describe_failure(parts, tmp_path)
    assert told == "p0.png: found 2 images (the first: a `x`. Leave it out.); expected none. Mend it."
    folder = {**parts, "where": str(tmp_path / "run-1-data"), "found": "no image"}
    assert training_module.describe_failure(folder, tmp_path).startswith("Found no image; expected")
    assert training_module.describe_failure({"error": "no"}, tmp_path) == "no"
