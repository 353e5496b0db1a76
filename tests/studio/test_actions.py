"""Actions over HTTP: answers, mistakes, and the same sent twice."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

STROKE = {
    "client": "one",
    "image": 0,
    "type": "stroke",
    "points": [[10.5, 10.5], [10.5, 19.5]],
    "width": 1,
    "class_index": 1,
}


def post(http, **changes):
    return http.post("/api/actions", json={**STROKE, **changes})


def test_stroke_is_in_the_journal_when_it_is_answered(client, studio):
    answer = post(client).json()
    assert answer["number"] == 1
    assert answer["changed_box_tlbr"] == [10, 10, 11, 20]
    assert answer["image"]["state"] == "strokes"
    assert answer["image"]["labelled"] == pytest.approx(10 / (90 * 140))
    line = json.loads(studio.project.folder.journal.read_text())
    assert (line["client"], line["image"], line["points"]) == ("one", "p0.png", STROKE["points"])


def test_undo_without_an_action_answers_nothing(client):
    answer = client.post("/api/actions", json={"client": "one", "image": 0, "type": "undo"})
    assert answer.status_code == 200
    assert answer.json()["nothing"] is True
    assert answer.json()["number"] == 0


def test_classes_come_with_the_answer(client):
    post(client)
    answer = client.post("/api/actions", json={"client": "one", "image": None, "type": "class_add", "name": "<b>"})
    assert [entry["name"] for entry in answer.json()["classes"]] == ["background", "object", "<b>"]
    assert [entry["pixels"] for entry in answer.json()["classes"]] == [0, 10, 0]
    assert client.get("/api/project").json()["classes"] == answer.json()["classes"]


def test_same_id_is_done_once(client, studio):
    numbers = {post(client, id="k1").json()["number"] for _ in range(3)}
    assert numbers == {1}
    assert studio.project.number == 1


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"class_index": 2}, "class_index"),
        ({"image": 3}, "image"),
        ({"image": "p0.png"}, "image"),
        ({"image": None}, "image"),
        ({"points": [[1, 2, 3]]}, "point"),
        ({"client": ""}, "client"),
        ({"id": 7}, "id"),
        ({"type": "draw"}, "type"),
    ],
)
def test_mistake_is_answered_with_what_was_expected(client, studio, changes, where):
    answer = post(client, **changes)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["where"] == where
    assert error["found"]
    assert error["expected"]
    assert error["remedy"]
    assert studio.project.number == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"width": NaN}', b"[" * 100_000, b"\xff"])
def test_body_that_is_no_object_is_a_mistake(client, body):
    answer = client.post("/api/actions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_masks_follow_without_being_asked(client, studio):
    from pixelwise.raster.image import read_values

    post(client)
    studio.close()
    expected = np.full((90, 140), 255, np.uint8)
    expected[10, 10:20] = 1
    assert_array_equal(read_values(studio.project.mask_path("p0.png")), expected)
