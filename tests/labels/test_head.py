"""The head on maps is the head on pixels, and it learns what the pixels show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.torch import save_file

from pixelwise.core.errors import ModelFileError
from pixelwise.labels.features import FeatureMaps
from pixelwise.labels.head import Head, enlarge, fit_head, new_head, with_classes, with_statistics
from pixelwise.labels.head_file import read_head, write_head

pytestmark = pytest.mark.usefixtures("one_thread")
CHANNELS = 6
WEIGHTS = np.array([1, 2, 1, 1, 0.5, 1], np.float32)


def features(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features (N, C) and classes: which of two channels is larger, and 2 where a third is high."""
    values = np.random.default_rng(seed).normal(size=(count, CHANNELS)).astype(np.float16)
    classes = (values[:, 0] > values[:, 1]).astype(np.int64)
    return values, np.where(values[:, 2] > 0.8, 2, classes)


def fitted(steps: int = 60, count: int = 400) -> Head:
    values, classes = features(count)
    return fit_head(new_head(values, WEIGHTS[: values.shape[1]], 3, 0), values, classes, steps=steps, seed=0)[0]


def accuracy(head: Head) -> float:
    values, classes = features(2000, seed=1)
    return float((head.column_probabilities(values.astype(np.float32)).argmax(axis=1) == classes).mean())


def test_a_fit_learns_and_goes_on_from_where_it_was() -> None:
    head = fitted(20)
    values, classes = features(400)
    better, steps = fit_head(head, values, classes, steps=150, seed=1)
    assert steps == 150
    assert accuracy(head) < accuracy(better)
    assert accuracy(better) > 0.85


def test_a_fit_is_a_function_of_its_arguments() -> None:
    state = torch.get_rng_state()
    one, other = fitted(), fitted()
    assert torch.equal(one.first, other.first)
    assert torch.equal(one.last, other.last)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_fit_stops_when_it_is_told_to() -> None:
    values, classes = features(100)
    answers = iter([False, False, True])
    _, steps = fit_head(
        new_head(values, WEIGHTS[: values.shape[1]], 3, 0),
        values,
        classes,
        steps=50,
        seed=0,
        should_stop=lambda: next(answers),
    )
    assert steps == 2


def test_rare_classes_weigh_as_much_as_others() -> None:
    """Two classes overlap, one has 50 times the pixels: the border lies in the middle, not where the rare one ends."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2040, 1)).astype(np.float16)
    values[2000:] += 2
    classes = np.repeat([0, 1], [2000, 40]).astype(np.int64)
    head, _ = fit_head(new_head(values, WEIGHTS[: values.shape[1]], 2, 0), values, classes, steps=200, seed=0)
    share = head.column_probabilities(np.array([[0.0], [1.0], [2.0]], np.float32))[:, 1]
    assert share[0] < 0.3
    assert 0.3 < share[1] < 0.7
    assert share[2] > 0.7


def test_classes_without_pixels_are_impossible() -> None:
    values, classes = features(200)
    head, _ = fit_head(new_head(values, WEIGHTS[: values.shape[1]], 5, 0), values, classes, steps=10, seed=0)
    probabilities = head.column_probabilities(values.astype(np.float32))
    assert (probabilities[:, 3:] == 0).all()
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert head.known.tolist() == [True, True, True, False, False]


def test_enlarged_maps_lie_where_positions_of_the_strides_do() -> None:
    values = torch.from_numpy(np.random.default_rng(0).random((4, 3, 2)).astype(np.float32))
    large = enlarge(values, 4, slice(0, 15), 13)
    assert large.shape == (15, 13, 2)
    for row in range(15):
        where = np.clip((row + 1) / 4 - 1, 0, 3)
        before, share = min(int(where), 2), where - min(int(where), 2)
        expected = values[before, 1] * (1 - share) + values[before + 1, 1] * share
        assert_allclose(large[row, 7], expected, atol=1e-6)
    assert_allclose(large[:, 12], large[:, 11], atol=1e-6)
    for first, last in ((0, 1), (3, 4), (2, 9), (7, 15)):
        assert_allclose(enlarge(values, 4, slice(first, last), 13), large[first:last], atol=1e-6)
    assert torch.equal(enlarge(values, 1, slice(0, 4), 3), values)
    assert enlarge(values[:1, :1], 8, slice(0, 5), 6).shape == (5, 6, 2)


def test_on_maps_it_is_what_it_is_on_pixels() -> None:
    """At the pixels where the finest map stands both read the same features."""
    rng = np.random.default_rng(0)
    height, width = 50, 70
    levels = tuple(
        (stride, rng.normal(size=(channels, -(-height // stride), -(-width // stride))).astype(np.float16))
        for stride, channels in ((4, 1), (4, 2), (16, 1), (32, 2))
    )
    maps = FeatureMaps((0, 0, height, width), levels, np.zeros((height, width, 3), np.uint8))
    head = fitted()
    dense = head.probabilities(maps).numpy()
    assert dense.shape == (3, 13, 18)
    rows, columns = np.mgrid[3:height:4, 3:width:4]
    single = head.column_probabilities(maps.columns(rows.ravel(), columns.ravel()))
    assert_allclose(dense[:, :12, :17], single.T.reshape(3, 12, 17), atol=2e-4)


def test_other_statistics_leave_the_function() -> None:
    head, (values, _) = fitted(), features(50, seed=3)
    other = with_statistics(head, 3 * values + 1)
    assert not torch.equal(other.mean, head.mean)
    columns = values.astype(np.float32)
    assert_allclose(other.column_probabilities(columns), head.column_probabilities(columns), atol=1e-4)


def test_classes_move_and_merge() -> None:
    head, columns = fitted(), features(50, seed=3)[0].astype(np.float32)
    before = head.column_probabilities(columns)
    moved = with_classes(head, 4, {0: 3, 1: 1, 2: 0}, seed=0).column_probabilities(columns)
    assert_allclose(moved[:, [3, 1, 0]], before, atol=1e-5)
    assert (moved[:, 2] == 0).all()
    merged = with_classes(head, 2, {0: 0, 1: 0, 2: 1}, seed=0)
    assert merged.num_classes == 2
    assert_allclose(merged.last[:, :, 0], head.last[:, :, :2].mean(dim=2), atol=1e-6)
    gone = with_classes(head, 2, {0: 0, 1: 1, 2: None}, seed=0).column_probabilities(columns)
    assert_allclose(gone.sum(axis=1), 1, atol=1e-5)


def test_a_file_holds_a_head(tmp_path: Path) -> None:
    head = fitted()
    write_head(tmp_path / "a.safetensors", head, 7, "s")
    again, revision = read_head(tmp_path / "a.safetensors", 3, "s")
    assert revision == 7
    columns = features(20)[0].astype(np.float32)
    assert_array_equal(again.column_probabilities(columns), head.column_probabilities(columns))


@pytest.mark.parametrize(
    ("num_classes", "signature", "found"),
    [
        (4, "s", "a model of 3 classes; expected 4 classes"),
        (3, "t", "a model of the features s; expected the features t"),
    ],
)
def test_a_file_of_another_model_is_refused(num_classes: int, signature: str, found: str, tmp_path: Path) -> None:
    write_head(tmp_path / "a", fitted(1), 1, "s")
    with pytest.raises(ModelFileError, match=found):
        read_head(tmp_path / "a", num_classes, signature)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(ModelFileError):
        read_head(path, 3, "s")
    path.write_bytes(b"\x08" + bytes(30))
    with pytest.raises(ModelFileError):
        read_head(path, 3, "s")
    save_file({"first": torch.zeros(2)}, path)
    with pytest.raises(ModelFileError, match="something else"):
        read_head(path, 3, "s")
    write_head(path, with_classes(fitted(1), 3, {}, 0), 1, "s")
    head = fitted(1)
    torch_names = {name: getattr(head, name) for name in Head.__dataclass_fields__}
    torch_names["first"] = torch_names["first"][:, :2].contiguous()
    save_file(torch_names, path, {"kind": "pixelwise live head", "signature": "s"})
    with pytest.raises(ModelFileError, match="tensors of other shapes"):
        read_head(path, 3, "s")
