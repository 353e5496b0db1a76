"""What comes out: layouts, overlays, and nothing but what lies in exports/."""

from __future__ import annotations

import io
import sys
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset, written_layouts
from pixelwise.render import object_overlay
from pixelwise.studio import export as exports


@pytest.fixture
def labelled(client: Any) -> Any:
    points = [[10, 10], [10, 60], [40, 60], [40, 10]]
    polygon = {"client": "c", "image": 1, "type": "polygon", "points": points, "class_index": 1}
    client.post("/api/actions", json=polygon)
    client.post("/api/actions", json={"client": "c", "image": 1, "type": "clean", "class_index": 0})
    return client


def export(client: Any, kind: Any) -> Any:
    return client.post("/api/export", json={"kind": kind})


def test_labels_in_another_layout(labelled: Any, studio: Any) -> None:
    answer = export(labelled, "coco").json()
    assert answer["url"] == "/api/files/coco.zip"
    dataset = open_dataset(answer["path"])
    assert dataset.format == "coco"
    (item,) = [item for _, item in dataset.items()]
    assert (dataset.read(item).label_map == 1).sum() == 30 * 50
    archive = zipfile.ZipFile(io.BytesIO(labelled.get(answer["url"]).content))
    assert any(name.endswith("p1.png") for name in archive.namelist())
    assert open_dataset(studio.project.folder.root).format == "folders"
    assert export(labelled, "coco").status_code == 200  # in place of the first
    assert client_layouts(labelled) == written_layouts()


def test_strokes_and_borders_are_no_objects_of_another_layout(labelled: Any, studio: Any) -> None:
    """One image with an object that a border stroke crosses, and one with strokes alone."""
    project = studio.project
    project.perform({"type": "object_add", "point": [20, 20]}, "p1.png", resolve=studio.correct(1).resolve)
    project.perform({"type": "class_add", "name": "border"})
    border = project.classes.names.index("border")
    for name in ("p1.png", "p2.png"):
        line = {"type": "stroke", "points": [[20, 50], [20, 70]], "width": 3, "class_index": border}
        project.perform(line, name)
    answer = export(labelled, "coco").json()
    dataset = open_dataset(answer["path"])
    assert "border" not in dataset.classes.names
    assert set(dataset.splits) == {"train"}
    (item,) = dataset.splits["train"]
    labels = dataset.read_labels(item)
    assert labels.instance_map is not None
    assert (labels.instance_map > 0).sum() == 30 * 50
    assert any(
        "1 image with labels on some pixels and no object left out: p2.png." in text for text in answer["remarks"]
    )


def client_layouts(client: Any) -> Any:
    return client.get("/api/project").json()["layouts"]


def test_overlays_show_the_labels(labelled: Any, studio: Any) -> None:
    export(labelled, "overlays")
    folder = studio.project.folder.exports / "overlays"
    assert [path.name for path in folder.iterdir()] == ["p1.png"]
    shown = np.asarray(Image.open(folder / "p1.png")).astype(int)
    picture = np.asarray(Image.open(studio.project.images[1].path)).astype(int)
    assert (abs(shown - picture).sum(axis=2) > 0)[15:35, 15:55].mean() > 0.9


def test_overlays_outline_objects(labelled: Any, studio: Any) -> None:
    action = {"client": "c", "image": 1, "type": "object_add", "point": [20, 20]}
    assert labelled.post("/api/actions", json=action).status_code == 200
    export(labelled, "overlays")
    shown = np.asarray(Image.open(studio.project.folder.exports / "overlays" / "p1.png"))
    picture = np.asarray(Image.open(studio.project.images[1].path))
    instance_map = np.zeros(picture.shape[:2], np.int32)
    instance_map[10:40, 10:60] = 1
    assert (shown == object_overlay(picture, instance_map, numbered=True)).all()


def test_the_live_model_is_written_by_another_process(
    labelled: Any, studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for it; `tests/cli/test_label.py` writes a file."""
    assert labelled.get("/api/project").json()["exports"] == {
        "model": False, "report": False, "run": None, "live": True,
    }  # fmt: skip
    program = (
        "import json, pathlib, sys; from pixelwise.data import open_dataset; arguments = json.loads(sys.argv[1]);"
        "open_dataset(arguments['data'], 'folders', arguments['bands'], arguments['images_root']);"
        "out = pathlib.Path(arguments['out']); out.parent.mkdir(exist_ok=True); out.write_bytes(b'1');"
        "print('note'); print(json.dumps({'remarks': ['a remark']}))"
    )
    monkeypatch.setattr(exports, "LIVE_PROGRAM", [sys.executable, "-c", program])
    answer = export(labelled, "live").json()
    assert (answer["url"], answer["remarks"]) == ("/api/files/live.onnx", ["a remark"])
    assert labelled.get(answer["url"]).content == b"1"
    monkeypatch.setattr(exports, "LIVE_PROGRAM", [sys.executable, "-c", "import sys; sys.exit(3)"])
    assert "ended with code 3" in export(labelled, "live").json()["error"]["found"]


def test_without_labels_there_is_no_live_model(client: Any, studio: Any) -> None:
    assert client.get("/api/project").json()["exports"]["live"] is False
    answer = export(client, "live")
    assert answer.status_code == 400
    assert answer.json()["error"]["remedy"]
    assert not list(studio.project.folder.exports.glob("*"))


@pytest.mark.parametrize("kind", ["model", "report", "nothing", None, "../model"])
def test_what_is_not_there_is_a_mistake(labelled: Any, kind: Any) -> None:
    assert export(labelled, kind).status_code == 400


def test_without_labels_nothing_is_written(client: Any, studio: Any) -> None:
    for kind in ("folders", "overlays"):
        assert "no labels" in export(client, kind).text
    assert not list(studio.project.folder.exports.glob("*"))


@pytest.mark.parametrize("name", ["..%2fclasses.yaml", "classes.yaml", ".lock", "coco", "%2e%2e"])
def test_only_exports_are_given_out(labelled: Any, name: str) -> None:
    export(labelled, "coco")
    assert labelled.get(f"/api/files/{name}").status_code == 404


def test_report_is_shown_by_itself(labelled: Any, studio: Any) -> None:
    studio.project.folder.exports.mkdir()
    (studio.project.folder.exports / "report.html").write_text("<script>1</script>")
    headers = labelled.get("/api/files/report.html").headers
    assert headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
