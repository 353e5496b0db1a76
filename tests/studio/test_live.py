"""The model that learns while one draws, on pictures whose right half is brighter, and what follows from it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

HALF = 70


def wait(condition: Callable[[], bool], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def stroke(client: Any, image: int, column: int, class_index: int) -> int:
    points = [[20, column], [70, column]]
    action = {"type": "stroke", "points": points, "width": 5, "class_index": class_index, "client": "c", "image": image}
    number: int = client.post("/api/actions", json=action).json()["number"]
    return number


def predicted(client: Any, image: int) -> Any:
    answer = client.get(f"/api/images/{image}/prediction/0/0/0.png")
    return np.asarray(Image.open(io.BytesIO(answer.content))) if answer.status_code == 200 else None


@pytest.fixture
def heard(studio: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(studio.hub, "publish", lambda name, data, number=None: events.append((name, data)))
    return events


def test_strokes_are_learned_predicted_accepted_and_asked_about(client: Any, studio: Any, heard: Any) -> None:
    live = studio.live
    assert predicted(client, 0) is None
    accept = {"client": "c", "image": 0, "type": "accept", "whole": True}
    assert client.post("/api/actions", json=accept).status_code == 400
    view = {"client": "c", "image": 0, "level": 0, "box_tlbr": [0, 0, 90, 140]}
    assert client.post("/api/view", json=view).status_code == 200
    stroke(client, 0, 30, 0)
    number = stroke(client, 0, 110, 1)
    wait(lambda: live.learned == number and any(name == "model" for name, _ in heard))
    assert ("features", {"image": 0, "tile": 0, "done": 1, "all": 1}) in heard
    told = next(data for name, data in heard if name == "model")
    assert (told["image"], told["number"], told["use"]) == (0, number, "live")
    truth = np.zeros((90, 140), np.uint8)
    truth[:, HALF:] = 1
    wait(lambda: (predicted(client, 0)[..., 0] == truth).mean() > 0.9)
    wait(lambda: [data["settled"] for name, data in heard if name == "model"][-1])
    assert client.get("/api/project").json()["live"]["available"]
    assert client.get("/api/project").json()["live"]["settled"]

    # Another image has the same model; a test image teaches it nothing.
    client.post("/api/view", json={**view, "image": 1})
    wait(lambda: predicted(client, 1) is not None)
    assert (predicted(client, 1)[..., 0] == truth).mean() > 0.85
    client.post("/api/actions", json={"client": "c", "image": 2, "type": "mark_test", "value": True})
    stroke(client, 2, 30, 1)
    number = stroke(client, 2, 110, 0)
    wait(lambda: live.learned == number)
    wait(lambda: studio.live._learner.is_settled)
    wait(lambda: (predicted(client, 1)[..., 0] == truth).mean() > 0.85)

    # Of the test image, which is labelled the wrong way round, there is an honest score.
    wait(lambda: bool(client.get("/api/curve").json()))
    (scored,) = client.get("/api/curve").json()
    assert (scored["run"], scored["split"]) == ("live", "test")
    assert scored["score"] < 0.15

    # The pixel that it is least sure of is asked about, and never twice.
    client.post("/api/view", json=view)
    asked = [client.get("/api/suggest?image=0").json() for _ in range(2)]
    assert asked[0]["point"] != asked[1]["point"]
    assert sum(entry["share"] for entry in asked[0]["probabilities"]) == pytest.approx(1, abs=0.01)
    assert client.get("/api/suggest/image").json() == {"image": 1}

    # Accepted and undone.
    answer = client.post("/api/actions", json=accept).json()
    assert answer["image"]["labelled"] == 1.0
    client.post("/api/actions", json={"client": "c", "image": 0, "type": "undo"})
    assert client.get("/api/project").json()["images"][0]["labelled"] < 0.1

    # Classes that go are gone from the model, too.
    client.post("/api/actions", json={"client": "c", "image": None, "type": "class_add", "name": "third"})
    client.post("/api/actions", json={"client": "c", "image": None, "type": "class_merge", "from": 0, "into": 2})
    wait(lambda: predicted(client, 0) is not None and live.learned == studio.project.number)
    wait(lambda: (predicted(client, 0)[..., 0] == 1 - truth).mean() > 0.9)
    assert not live.problem


def test_paused_model_learns_when_it_is_asked(client: Any, studio: Any, heard: Any) -> None:
    assert client.post("/api/live", json={"paused": True}).json()["paused"] is True
    client.post("/api/view", json={"client": "c", "image": 0, "level": 0, "box_tlbr": [0, 0, 90, 140]})
    stroke(client, 0, 30, 0)
    number = stroke(client, 0, 110, 1)
    wait(lambda: any(name == "features" for name, _ in heard))
    time.sleep(0.3)
    assert predicted(client, 0) is None
    client.post("/api/live", json={"once": True})
    wait(lambda: predicted(client, 0) is not None)
    assert studio.live.learned == number
    assert client.post("/api/live", json={}).status_code == 400


def test_all_objects_are_accepted_also_where_nobody_looks(tmp_path: Path) -> None:
    """An image of two tiles, of which one is in view. Two bright squares in either."""
    from pixelwise.labels.project import open_project
    from pixelwise.studio.actions import perform
    from pixelwise.studio.live import View
    from pixelwise.studio.state import Studio

    picture = np.random.default_rng(3).integers(0, 60, (64, 1300, 3), np.uint8)
    for left in (60, 400, 1100, 1200):
        picture[16:48, left : left + 32] += 150
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture).save(tmp_path / "photos" / "wide.png")
    studio = Studio(open_project(tmp_path / "photos", classes=["background", "cell"]))
    try:
        for columns, class_index in (([150, 250], 0), ([64, 88], 1)):
            points = [[32.5, column] for column in columns]
            stroke = {"type": "stroke", "points": points, "width": 9, "class_index": class_index}
            perform(studio, {"client": "c", "image": 0, **stroke})
        studio.live.look(View(0, (0, 0, 64, 600)))
        wait(lambda: studio.live.store.number_of(0, 0) > 0)
        answer = perform(studio, {"client": "c", "image": 0, "type": "object_accept_all", "whole": True})
        assert answer["image"]["objects"] >= 4
        assert studio.live.store.number_of(0, 1) == studio.live.number
        instance_map = studio.project.labels("wide.png").instance_map.read((0, 0, 64, 1300))
        assert len({int(instance_map[32, left + 16]) for left in (60, 400, 1100, 1200)} - {0}) == 4
    finally:
        studio.close()
