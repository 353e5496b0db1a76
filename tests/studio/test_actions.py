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


@pytest.mark.parametrize("kind", [[], {}, None, [[1]], 10**300])
def test_type_that_is_no_text_is_a_mistake(client, kind):
    answer = post(client, type=kind)
    assert answer.status_code == 400
    assert answer.json()["error"]["where"] == "type"


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/api/actions", '{"type": "stroke", "image": 0, "points": [[1, 1%s]], "width": 3, "class_index": 1}', "point"),
        ("/api/actions", '{"type": "stroke", "image": 0, "points": [[1, 1]], "width": 1%s, "class_index": 1}', "width"),
        ("/api/training", '{"command": "start", "minutes": 1%s}', "minutes"),
        ("/api/view", '{"image": 0, "box_tlbr": [0, 0, 9, 1%s]}', "box_tlbr"),
    ],
)
@pytest.mark.parametrize("digits", ["0" * 400, "e400"])
def test_numbers_beyond_float64_are_mistakes(client, path, body, where, digits):
    answer = client.post(path, content=body % digits, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["where"] == where


def test_deeply_nested_value_is_a_mistake(client):
    nested = "[" * 900 + "]" * 900
    body = f'{{"type": "stroke", "image": 0, "points": {nested}, "width": 3, "class_index": 1}}'
    answer = client.post("/api/actions", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, "point")


def test_page_of_another_project_is_refused(client, studio):
    answer = post(client, project="0123456789abcdef")
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, "project")
    assert studio.project.number == 0
    assert post(client, project=client.get("/api/project").json()["key"]).status_code == 200


def test_name_of_an_image_counts_more_than_its_number(client, studio):
    assert post(client, image_name="p2.png").json()["image"]["id"] == 2
    assert post(client, image=77, image_name="p1.png").json()["image"]["id"] == 1
    assert [studio.project.counts(f"p{number}.png") for number in range(3)] == [{}, {1: 10}, {1: 10}]
    answer = post(client, image_name="gone.png")
    assert (answer.status_code, answer.json()["error"]["found"]) == (400, "'gone.png'")
