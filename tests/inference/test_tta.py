"""Test-time augmentation: what it sees of an image, and that its mean is put back where it belongs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.inference.engines.base import FunctionEngine
from pixelwise.inference.loading import load
from pixelwise.inference.tta import AugmentedEngine

if TYPE_CHECKING:
    from tests.inference.conftest import ColourModel, UInt8

Float32 = npt.NDArray[np.float32]


def test_it_sees_three_scales_and_their_mirror_images() -> None:
    views: list[UInt8] = []

    def noted(images: UInt8) -> Float32:
        views.append(images[0])
        return np.zeros((1, 2, *images.shape[1:3]), np.float32)

    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert AugmentedEngine(FunctionEngine(noted), offsets=False)(image[None]).shape == (1, 2, 40, 60)
    assert [view.shape[:2] for view in views] == [(30, 45)] * 2 + [(40, 60)] * 2 + [(50, 75)] * 2
    assert_array_equal(views[2], image)
    for plain, mirror in zip(views[::2], views[1::2], strict=True):
        assert_array_equal(mirror, plain[:, ::-1])


def test_bands_are_seen_apart() -> None:
    """A fourth channel is no transparency, and a fifth is one as any other."""

    def channels(images: UInt8) -> Float32:
        return images.transpose(0, 3, 1, 2).astype(np.float32)

    image = np.zeros((40, 60, 5), np.uint8)
    image[...] = 10, 20, 30, 0, 250
    expected = np.broadcast_to(np.float32([10, 20, 30, 0, 250])[:, None, None], (5, 40, 60))
    assert_array_equal(AugmentedEngine(FunctionEngine(channels), offsets=False)(image[None])[0], expected)


def test_scores_of_the_colours_come_back_in_place(colour: ColourModel) -> None:
    """Stripes that are wide against what a change of size blurs: in their middles nothing changes."""
    image = np.repeat(np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [0, 0, 0]], np.uint8), 20, axis=0)
    image = np.broadcast_to(image, (24, *image.shape)).copy()
    engine = AugmentedEngine(FunctionEngine(lambda images: colour.logits(images[0])[None]), offsets=False)
    middles = np.arange(80) % 20 // 5 % 3 > 0  # columns 5 to 14 of each stripe
    assert_allclose(engine(image[None])[0][:, :, middles], colour.logits(image)[:, :, middles], atol=0.5)


def test_offsets_point_to_the_same_pixel() -> None:
    """A net that points, in pixels of what it sees, from everywhere to a point at a quarter of the height and width."""

    def pointing(images: UInt8) -> Float32:
        height, width = images.shape[1:3]
        mirrored = images[0, 0, 0, 0] < images[0, 0, -1, 0]
        target = width * (3 if mirrored else 1) / 4
        down = np.broadcast_to(height / 4 - (np.arange(height) + 0.5)[:, None], (height, width))
        right = np.broadcast_to(target - (np.arange(width) + 0.5), (height, width))
        return np.stack([np.zeros((height, width)), down, right]).astype(np.float32)[None]

    image = np.zeros((40, 60, 3), np.uint8)
    image[..., 0] = np.linspace(250, 0, 60).astype(np.uint8)  # from which it tells how it lies
    logits = AugmentedEngine(FunctionEngine(pointing), offsets=True)(image[None])[0]
    inner = np.s_[3:-3, 3:-3]  # Pillow's weights are sampled: lines are straight to 0.02
    assert_allclose(
        logits[1][inner], np.broadcast_to((10 - (np.arange(40) + 0.5))[:, None], (40, 60))[inner], atol=0.02
    )
    assert_allclose(logits[2][inner], np.broadcast_to(15 - (np.arange(60) + 0.5), (40, 60))[inner], atol=0.02)


def test_a_predictor_takes_the_mean_tile_by_tile(model_file: Path, colour: ColourModel) -> None:
    plain = np.full((150, 201, 3), (0, 210, 30), np.uint8)
    predictor = load(model_file)
    augmented = predictor.with_tta()
    assert_array_equal(augmented.label_map(plain), colour.labels(plain))
    assert predictor.with_tta().info is predictor.info
    noise = np.random.default_rng(1).integers(0, 256, (60, 60, 3), np.uint8)
    assert (augmented.label_map(noise) != predictor.label_map(noise)).any()
