"""The simulated person at the studio: what they correct, and what it costs; a client that puts tiles together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from lab.label_objects import Photo, classes_of
from lab.studio_client import assemble, outline_of, tiles_of
from lab.studio_session import MOST_FIXES, SECONDS, Person, find_mistakes, find_splits, middle_of

TRUE = np.zeros((20, 40), np.int32)
TRUE[2:10, 2:10], TRUE[2:10, 10:18], TRUE[2:10, 22:30], TRUE[12:18, 32:38] = 1, 2, 3, 4
PROPOSED = np.zeros_like(TRUE)
PROPOSED[2:10, 2:18], PROPOSED[2:10, 22:29], PROPOSED[12:18, 2:8] = 5, 6, 9  # two in one, a good one, a false one


class Studio:
    """Stands in for the client: it knows proposals, parts objects at the middle, and remembers actions."""

    def __init__(self, proposed: np.ndarray) -> None:
        self.proposed, self.actions = proposed.copy(), []
        self.before: list[np.ndarray] = []

    def act(self, image: int, action: dict[str, Any]) -> None:
        self.actions.append(action["type"])
        if action["type"] == "object_split":
            assert len(action["points"]) == 2
            self.proposed[2:10, 10:18] = 10

    def objects(self, image: int, size: tuple[int, int]) -> np.ndarray:
        return self.proposed


def test_mistakes_of_proposed_objects() -> None:
    ((one, other),) = find_splits(PROPOSED, TRUE)
    assert TRUE[int(one[0]), int(one[1])] == 1
    assert TRUE[int(other[0]), int(other[1])] == 2
    assert find_mistakes(PROPOSED, TRUE) == ([5, 9], [1, 2, 4])


def test_a_person_corrects_an_image() -> None:
    photo = Photo("a", np.zeros((20, 40, 3), np.uint8), classes_of(TRUE), TRUE)
    studio = Studio(PROPOSED)
    person = Person(studio, [photo])  # type: ignore[arg-type]
    assert person.finish(0)
    assert studio.actions == [
        "object_accept_all", "object_split", "object_delete", "polygon", "polygon", "object_add", "clean", "mark_done",
    ]  # fmt: skip
    assert person.counts == {"key": 3, "split": 1, "delete": 1, "outline": 1}
    assert person.seconds == 3 * SECONDS["key"] + SECONDS["split"] + SECONDS["delete"] + SECONDS["outline"]


def test_a_person_leaves_an_image_that_needs_too_much() -> None:
    true = np.zeros((20, 100), np.int32)
    for number in range(MOST_FIXES + 1):
        true[4:9, 7 * number + 2 : 7 * number + 7] = number + 1
    photo = Photo("a", np.zeros((20, 100, 3), np.uint8), classes_of(true), true)
    studio = Studio(np.zeros_like(true))
    assert not Person(studio, [photo]).finish(0)  # type: ignore[arg-type]
    assert studio.actions == ["object_accept_all", "undo"]


def test_outlines_hold_their_object() -> None:
    """By hand: the corners of a rectangle of pixels are those of its edge; the middle lies inside of any mask."""
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    assert sorted(outline_of(mask)) == [[2, 3], [2, 8], [5, 3], [5, 8]]
    mask[3, 4:7] = False
    row, column = middle_of(mask)
    assert mask[int(row), int(column)]


def test_tiles_make_the_map_again() -> None:
    values = np.arange(600 * 530).reshape(600, 530)
    boxes = list(tiles_of(values.shape))
    assert [place for place, _ in boxes] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    parts = [values[top:bottom, left:right] for _, (top, left, bottom, right) in boxes]
    assert_array_equal(assemble(parts, values.shape), values)
