"""Masks of 255 alone, of images that nobody has labelled, say nothing of what 255 stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data import open_dataset

BLANK = np.full((6, 8), IGNORE_INDEX)


def strokes(*classes: int) -> np.ndarray:
    label_map = BLANK.copy()
    for row, class_index in enumerate(classes):
        label_map[row, 1:4] = class_index
    return label_map


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("classes", [(0, 1), (0, 1, 2)])
def test_many_blank_masks_beside_few_strokes(save, tmp_path: Path, classes: tuple[int, ...], *, listed: bool) -> None:
    for number in range(20):
        save(f"images/{number}.png")
        save(f"masks/{number}.png", strokes(*classes) if number < 2 else BLANK)
    if listed:
        (tmp_path / "classes.yaml").write_text(f"classes: [{', '.join('abc'[: len(classes)])}]\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes.num_classes == len(classes)
    assert dataset.mask_encoding is not None
    assert dataset.mask_encoding.values[IGNORE_INDEX] == IGNORE_INDEX
