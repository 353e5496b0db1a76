"""Maps stand where they say they do, and a tile's features are those of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pixelwise.core.errors import ShapeError
from pixelwise.labels import features
from pixelwise.labels.boxes import grow_box, tile_boxes
from pixelwise.labels.features import (
    ArrayImage,
    FeatureExtractor,
    FeatureMaps,
    channel_weights,
    shared_extractor,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return shared_extractor(3)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return coloured blobs (height, width, 3), as photos have some."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 3, -(-height // 8), -(-width // 8))))
    image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]
    return (255 * image.permute(1, 2, 0).numpy()).astype(np.uint8)


@pytest.fixture(autouse=True)
def _as_large_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the encoder see small images as it sees large ones."""
    monkeypatch.setattr(features, "ENLARGED_PIXELS", 0)


def test_small_images_are_seen_at_twice_their_size(
    extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = noise(70, 130)
    values = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    large = torch.nn.functional.interpolate(values, scale_factor=2, mode="bilinear")[0].permute(1, 2, 0)
    once = extractor(large.round().byte().numpy())
    monkeypatch.setattr(features, "ENLARGED_PIXELS", 70 * 130)
    twice = extractor(image)
    assert twice.stride == 2
    assert_array_equal(twice.guide, image)
    for (stride, values), (other_stride, others) in zip(once.levels, twice.levels, strict=True):
        assert other_stride == stride / 2
        assert values.shape == others.shape
        assert np.abs(values.astype(float) - others).mean() < 0.1 * values.astype(float).std()


def test_levels_of_an_image(extractor: FeatureExtractor) -> None:
    maps = extractor(noise(70, 130))
    assert maps.box_tlbr == (0, 0, 70, 130)
    assert maps.stride == 4
    assert [(stride, *values.shape) for stride, values in maps.levels] == [
        (4, 3, 18, 33), (4, 16, 18, 33), (4, 24, 18, 33), (8, 40, 9, 17), (16, 112, 5, 9), (32, 192, 3, 5),
        (32, 320, 3, 5),
    ]  # fmt: skip
    assert all(values.dtype == np.float16 for _, values in maps.levels)
    assert_array_equal(maps.guide, noise(70, 130))
    assert maps.mean().shape == (maps.channels,) == channel_weights().shape


def test_colours_are_means_around_every_fourth_pixel(extractor: FeatureExtractor) -> None:
    image = noise(40, 48)
    colours = extractor(image).levels[0][1]
    block = image[4 * 3 + 2 : 4 * 3 + 6, 4 * 5 + 2 : 4 * 5 + 6].reshape(-1, 3).mean(axis=0)
    assert_allclose(colours[:, 3, 5], block / 127.5 - 1, atol=1e-3)


def test_columns_are_interpolated_where_the_maps_stand() -> None:
    """A map that holds the pixel of each of its positions holds, between them, the pixel that is asked for."""
    levels = []
    for stride, count in ((4, 16), (16, 4)):
        places = (stride * (np.arange(count) + 1) - 1).astype(np.float16)
        levels.append((stride, np.stack(np.meshgrid(places, places, indexing="ij"))))
    maps = FeatureMaps((64, 128, 128, 192), tuple(levels), np.zeros((64, 64, 3), np.uint8))
    rows, columns = np.array([64 + 20, 64 + 15]), np.array([128 + 33, 128 + 2])
    assert_array_equal(maps.columns(rows, columns), [[20, 33, 20, 33], [15, 3, 15, 15]])


def test_arrays_hold_all(extractor: FeatureExtractor) -> None:
    maps = extractor(noise(64, 64))
    again = FeatureMaps.from_arrays(maps.to_arrays())
    assert again.box_tlbr == maps.box_tlbr
    assert [stride for stride, _ in again.levels] == [stride for stride, _ in maps.levels]
    for (_, one), (_, other) in zip(again.levels, maps.levels, strict=True):
        assert_array_equal(one, other)


def test_maps_move_with_the_image(extractor: FeatureExtractor) -> None:
    """64 pixels are whole positions of every map. Away from the border what sees little stays the same."""
    image = noise(512, 512)
    before, after = extractor(image), extractor(image[64:, 64:])
    for (stride, one), (_, other) in zip(before.levels, after.levels, strict=True):
        step, margin = 64 // stride, 128 // stride
        inner = slice(margin, one.shape[1] - margin - step)
        difference = np.abs(one[:, step:, step:].astype(float) - other)[:, inner, inner]
        assert difference.mean() < (0.01 if stride <= 8 else 0.4) * one.astype(float).std()


def test_a_tile_has_the_features_of_the_whole_image(extractor: FeatureExtractor) -> None:
    """But for what the encoder sees of the rest, which counts in the coarse maps."""
    image = noise(384, 448)
    whole, tile = extractor(image), extractor.compute(ArrayImage(image), (192, 256, 384, 448))
    assert tile.box_tlbr == (160, 224, 384, 448)
    assert_array_equal(tile.guide, image[160:, 224:])
    for (stride, one), (_, other) in zip(whole.levels, tile.levels, strict=True):
        inside = one[:, 160 // stride :, 224 // stride :]
        assert inside.shape == other.shape
        difference = np.abs(inside.astype(float) - other)
        assert difference.mean() < (0.03 if stride <= 8 else 0.5) * one.astype(float).std()
        if stride == 4:
            assert_allclose(inside, other, atol=0.02)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_of_other_channels_have_the_same_maps(channels: int, extractor: FeatureExtractor) -> None:
    image = noise(64, 64)[..., [0, 0, 0, 0][:channels]]
    maps = shared_extractor(channels)(image)
    assert maps.channels == extractor(noise(64, 64)).channels
    assert maps.guide.shape == (64, 64, 3)


def test_a_gray_image_is_one_of_three_equal_channels(extractor: FeatureExtractor) -> None:
    gray = noise(64, 64)[..., :1]
    one, other = shared_extractor(1)(gray), extractor(gray.repeat(3, axis=2))
    for (_, values), (_, others) in zip(one.levels, other.levels, strict=True):
        assert_array_equal(values, others)


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_what_is_no_image_is_refused(image: np.ndarray, extractor: FeatureExtractor) -> None:
    with pytest.raises(ShapeError, match=r"image: found an array .* expected \(H, W, 3\) of uint8"):
        extractor(image)


def test_a_reader_of_other_boxes_is_refused(extractor: FeatureExtractor) -> None:
    class Wrong(ArrayImage):
        def read(self, box_tlbr: tuple[int, int, int, int]) -> np.ndarray:
            return self.array

    with pytest.raises(ShapeError, match="found 256x256 pixels of the image; expected 192x256"):
        extractor.compute(Wrong(noise(256, 256)), (0, 0, 64, 256))


def test_tiles_cover_an_image() -> None:
    covered = np.zeros((2100, 1030), int)
    for top, left, bottom, right in tile_boxes((2100, 1030)):
        covered[top:bottom, left:right] += 1
        assert (top % 1024, left % 1024) == (0, 0)
    assert (covered == 1).all()
    assert len(tile_boxes((2100, 1030))) == 6
    assert grow_box((0, 1024, 1024, 1030), 64, (2100, 1030)) == (0, 960, 1088, 1030)
