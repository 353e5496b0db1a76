"""The model that learns while one draws, on pictures whose right half is brighter, and what follows from it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
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
    assert not told["settled"]  # the first one comes soon
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
