"""Which predictions the report shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pixelwise.training import finish
from pixelwise.training.finish import EXAMPLES, BestAndWorst


def shown(monkeypatch: pytest.MonkeyPatch, *scores: float) -> tuple[list[float], list[float]]:
    """The scores of the worst and of the best of images that are seen in this order."""
    examples = BestAndWorst()
    anything: Any = None
    for score in scores:
        monkeypatch.setattr(finish, "_example", lambda *_, score=score: SimpleNamespace(score=score))
        examples.add(anything, anything, anything)
    return [example.score for example in examples.worst()], [example.score for example in examples.best()]


def test_the_worst_and_the_best_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXAMPLES == 4
    scores = [0.5, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6]
    assert shown(monkeypatch, *scores) == ([0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6])


def test_few_images_are_shared_and_none_is_shown_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 0.5, 0.1, 0.9, 0.2, 0.8) == ([0.1, 0.2, 0.5], [0.9, 0.8])
    assert shown(monkeypatch, 0.5) == ([0.5], [])


@pytest.mark.parametrize("count", [1, 3, 24])
def test_nothing_wrong_altogether_is_a_best_prediction(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    worst, best = shown(monkeypatch, *[0.0] * count)
    assert best == []
    assert worst == [0.0] * min(EXAMPLES, (count + 1) // 2)


def test_nothing_perfect_is_a_worst_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, *[1.0] * 24) == ([], [1.0] * EXAMPLES)
    assert shown(monkeypatch, *[1.0] * 12, 0.9) == ([0.9], [1.0] * EXAMPLES)


def test_an_image_without_a_score_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, float("nan"), 0.5) == ([0.5], [])
