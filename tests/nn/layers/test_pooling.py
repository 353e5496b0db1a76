"""Pooling, by eye, against plain numpy loops, torch's own and the exported graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers import average_pool, max_pool, max_pool_with_indices, max_unpool

PLANE = torch.tensor([[1.0, 2, 7, 3], [4, 0, 5, 6], [9, 9, 0, 0], [8, 9, 0, 2]]).view(1, 1, 4, 4)
WINDOWS = [(2, 2, (6, 10)), (2, 2, (5, 7)), (3, 2, (7, 9)), (3, 1, (4, 5)), (2, 3, (8, 8)), (1, 1, (2, 3))]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def pooled_by_loops(planes: np.ndarray, window: int, stride: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maxima, their places in the flattened plane and the means of (N, C, H, W), a window at a time."""
    n, channels, height, width = planes.shape
    shape = (n, channels, (height - window) // stride + 1, (width - window) // stride + 1)
    maxima, places, means = np.empty(shape), np.empty(shape, int), np.empty(shape)
    for at in np.ndindex(shape):
        top, left = at[2] * stride, at[3] * stride
        total, best, place = 0.0, -np.inf, -1
        for row in range(top, top + window):
            for column in range(left, left + window):
                value = planes[at[0], at[1], row, column]
                total += value
                if value > best:
                    best, place = value, row * width + column
        maxima[at], places[at], means[at] = best, place, total / window**2
    return maxima, places, means


def test_the_values_of_a_plane_small_enough_to_check_by_eye() -> None:
    maxima, indices = max_pool_with_indices(PLANE)
    assert maxima.flatten().tolist() == max_pool(PLANE).flatten().tolist() == [4, 7, 9, 2]
    assert indices.flatten().tolist() == [4, 2, 8, 15]  # of three nines the first in reading order
    assert indices.dtype == torch.int64
    assert average_pool(PLANE).flatten().tolist() == [1.75, 5.25, 8.75, 0.5]


@pytest.mark.parametrize(("window", "stride", "size"), WINDOWS)
def test_pooling_is_the_loop_over_windows(window: int, stride: int, size: tuple[int, int]) -> None:
    """Maxima to the bit; means within 1e-6, a few roundings of float32 sums of up to nine values near 1."""
    planes = random(2, 3, *size).round(decimals=1)  # one decimal: many windows hold their maximum twice
    maxima, places, means = pooled_by_loops(planes.numpy(), window, stride)
    values, indices = max_pool_with_indices(planes, window, stride)
    assert_array_equal(values.numpy(), maxima)
    assert_array_equal(indices.numpy(), places)
    assert_array_equal(max_pool(planes, window, stride).numpy(), maxima)
    assert_allclose(average_pool(planes, window, stride).numpy(), means, rtol=0, atol=1e-6)


def test_the_stride_is_the_windows_side_unless_given() -> None:
    planes = random(1, 2, 9, 9)
    assert torch.equal(max_pool(planes, 3), F.max_pool2d(planes, 3, 3))
    assert torch.equal(average_pool(planes, 3), F.avg_pool2d(planes, 3, 3))


def test_the_gradient_goes_to_the_winner_alone_or_to_all_alike() -> None:
    plane = PLANE.clone().requires_grad_()
    (max_pool(plane) * torch.tensor([[1.0, 2], [3, 4]])).sum().backward()
    assert plane.grad[0, 0].tolist() == [[0, 0, 2, 0], [1, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4]]
    plane.grad = None
    average_pool(plane).sum().backward()
    assert (plane.grad == 0.25).all()


class PoolAndUnpool(torch.nn.Module):
    def __init__(self, window: int, stride: int) -> None:
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maxima, indices = max_pool_with_indices(planes, self.window, self.stride)
        return indices, max_unpool(maxima, indices, (planes.shape[2], planes.shape[3]))


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 3), (3, 2)])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_exported_graph_remembers_the_same_places(window: int, stride: int, tmp_path: Path) -> None:
    model, path = PoolAndUnpool(window, stride), tmp_path / "pool.onnx"
    sides = {0: torch.export.Dim("n"), 2: torch.export.Dim("h", min=3), 3: torch.export.Dim("w", min=3)}
    torch.onnx.export(model, (random(2, 3, 12, 18),), path, dynamic_shapes=(sides,), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for shape in [(1, 3, 7, 9), (3, 3, 8, 5)]:
        planes = random(*shape).round(decimals=1)
        outputs = session.run(None, {session.get_inputs()[0].name: planes.numpy()})
        for array, expected in zip(outputs, model(planes), strict=True):
            assert_array_equal(array, expected.numpy())


@pytest.mark.parametrize("pool", [max_pool, max_pool_with_indices, average_pool])
def test_windows_that_make_no_sense_are_refused(pool: object) -> None:
    with pytest.raises(OptionError, match="window: found 0; expected a whole number of at least 1"):
        pool(PLANE, 0)
    with pytest.raises(OptionError, match="stride: found -1; expected a whole number of at least 1"):
        pool(PLANE, 2, -1)
