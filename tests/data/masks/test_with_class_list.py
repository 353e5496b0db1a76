from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.core.errors import DataError, MaskError
from pixelwise.data.class_list import read_class_list
from pixelwise.data.masks.encoding import MaskEncoding
from pixelwise.data.masks.interpretation import infer_encoding


def encoding_of(root: Path, masks: list[Path], listed: str = "") -> MaskEncoding:
    if listed:
        (root / "classes.yaml").write_text(f"classes: {listed}")
    return infer_encoding(root, masks, read_class_list(root))


def test_255_beside_all_classes_but_the_last_is_told(save, tmp_path: Path) -> None:
    mask = save("a.png", [[0, 1, 255]])
    encoding = encoding_of(tmp_path, [mask], "[a, b, c]")
    assert_array_equal(encoding.read(mask), [[0, 1, 255]])
    (problem,) = encoding.problems
    assert problem.kind == "assumed"
    assert "found 255 in 1 mask (a.png) and 2, the value of c, in none" in problem.message
    assert "{name: c, value: 255}" in problem.message
    for listed in ("[a, b, c]\nignore: 255", "[{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 255}]"):
        assert encoding_of(tmp_path, [mask], listed).problems == ()
    assert_array_equal(encoding.read(mask), [[0, 1, 255]])
    assert encoding_of(tmp_path, [mask, save("b.png", [[0, 2, 255]])], "[a, b, c]").problems == ()


def test_indices_without_0_are_told_with_their_names(save, tmp_path: Path) -> None:
    mask = save("a.png", [[1, 2, 2]])
    (problem,) = encoding_of(tmp_path, [mask], "[a, b, c]").problems
    assert "1 = b, 2 = c, and a, the class of 0, never occurs" in problem.message
    (problem,) = encoding_of(tmp_path, [mask], "[a, b]").problems
    assert "1 = a, 2 = b" in problem.message
    assert encoding_of(tmp_path, [mask, save("b.png", [[0, 1]])], "[a, b, c]").problems == ()


@pytest.mark.parametrize(
    ("listed", "dtype", "values"),
    [
        ("[a, b, c, d]", np.uint16, [0, 1000, 2000]),
        ("[a, b, c, d]", np.uint8, [0, 10, 20]),
        ("[a, b]", np.uint8, [0, 7]),
    ],
)
def test_values_that_are_no_indices_are_answered_with_values_to_state(
    save, tmp_path: Path, listed: str, dtype: type, values: list[int]
) -> None:
    mask = save("a.png", np.array([values], dtype))
    with pytest.raises(MaskError, match=r"state in classes\.yaml which values stand for each class") as caught:
        encoding_of(tmp_path, [mask], listed).read(mask)
    assert "add the class to the class list" not in caught.value.remedy


def test_values_that_the_list_does_not_state(save, tmp_path: Path) -> None:
    mask = save("a.png", [[0, 7, 9]])
    encoding = encoding_of(tmp_path, [mask], "[{name: a, value: 0}, {name: b, value: 7}]")
    with pytest.raises(MaskError, match=r"give the value in classes\.yaml to the class that it stands for"):
        encoding.read(mask)


@pytest.mark.parametrize("values", [[0, 1000, 2000], [0, 256, 512], [3, 40, 700]])
def test_sparse_values_without_a_list_are_answered_with_values_to_state(
    save, tmp_path: Path, values: list[int]
) -> None:
    mask = save("a.png", np.array([values], np.uint16))
    with pytest.raises(DataError) as caught:
        encoding_of(tmp_path, [mask])
    classes = "".join(f"- {{name: class_{i}, value: {value}}}\n" for i, value in enumerate(values))
    for i, value in enumerate(values):
        assert f"{{name: class_{i}, value: {value}}}" in caught.value.remedy
    (tmp_path / "classes.yaml").write_text(f"classes:\n{classes}")
    assert_array_equal(encoding_of(tmp_path, [mask]).read(mask), [[0, 1, 2]])


def test_most_masks_of_0_and_255_beside_more_than_two_classes(save, tmp_path: Path) -> None:
    masks = [save(f"{i}.png", [[0, 255, 255]] * 3) for i in range(4)]
    indices = [save("x.png", [[0, 1, 2]] * 3)]
    with pytest.raises(DataError, match=r"no values but 0 and 255 in 4 of 5 masks.* others in x\.png"):
        encoding_of(tmp_path, masks + indices, "[a, b, c]")
    assert encoding_of(tmp_path, masks + indices, "[a, b, c]\nignore: 255").values == {0: 0, 1: 1, 2: 2, 255: 255}
