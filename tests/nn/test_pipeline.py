"""The pipeline: bytes in, normalised as numpy would, logits out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, OFFSET_UNIT, TTA, Pipeline

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)


def test_normalisation_is_value_over_255_less_mean_over_std() -> None:
    expected = (IMAGES / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    actual = Pipeline(nn.Identity(), IMAGENET_MEAN, IMAGENET_STD)(torch.from_numpy(IMAGES))
    assert actual.dtype == torch.float32
    assert_allclose(actual.numpy(), expected.transpose(0, 3, 1, 2), atol=2e-6)  # values reach 2.7: 8 roundings


def test_an_image_of_the_mean_colour_becomes_zero() -> None:
    pipeline = Pipeline(nn.Identity(), (0.2, 0.4, 0.6), (1.0, 2.0, 0.5))
    mean = torch.tensor([51, 102, 153], dtype=torch.uint8).expand(1, 4, 4, 3)
    assert_allclose(pipeline.normalise(mean).numpy(), 0, atol=1e-7)


def test_any_number_of_channels_goes_with_as_many_means() -> None:
    pipeline = Pipeline(nn.Identity(), (0.0, 1.0), (1.0, 0.5))
    pixel = torch.tensor([255, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert_allclose(pipeline.normalise(pixel).flatten().numpy(), [1, 0], atol=1e-6)


def test_the_model_gets_channels_last_memory_and_its_logits_are_returned() -> None:
    model = nn.Conv2d(3, 4, 1)
    pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD)
    images = torch.from_numpy(IMAGES)
    assert pipeline.normalise(images).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pipeline(images), model(pipeline.normalise(images)))


def test_the_images_stay_untouched() -> None:
    images = torch.from_numpy(IMAGES.copy())
    Pipeline(nn.ReLU(inplace=True), IMAGENET_MEAN, IMAGENET_STD)(images)
    assert torch.equal(images, torch.from_numpy(IMAGES))


def test_a_pipeline_tells_its_normalisation() -> None:
    pipeline = Pipeline(nn.Identity(), (0.2, 0.4, 0.6), (1.0, 2.0, 0.5))
    assert (pipeline.mean, pipeline.std) == ((0.2, 0.4, 0.6), (1.0, 2.0, 0.5))


def test_normalisation_is_saved_with_the_model_and_follows_it_to_other_devices() -> None:
    pipeline = Pipeline(nn.Conv2d(3, 4, 1), IMAGENET_MEAN, IMAGENET_STD)
    assert {"scale", "shift"} <= set(pipeline.state_dict())
    assert pipeline.to("meta").scale.device.type == "meta"


def test_a_class_bias_is_added_to_every_pixels_logits_until_it_is_taken_off() -> None:
    pipeline = Pipeline(nn.Conv2d(3, 2, 1), IMAGENET_MEAN, IMAGENET_STD)
    images = torch.from_numpy(IMAGES)
    plain = pipeline(images)
    biased = pipeline.set_class_bias((0.5, -2.0))(images)
    assert_allclose((biased - plain).detach().numpy(), np.broadcast_to([[[0.5]], [[-2.0]]], plain.shape), atol=1e-6)
    assert torch.equal(pipeline.set_class_bias(None)(images), plain)


class Pointwise(nn.Conv2d):
    """Scores each pixel by its own colour, and remembers the size of the images it was given."""

    def __init__(self) -> None:
        super().__init__(3, 2, 1)
        self.stride = 4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen = tuple(image.shape[-2:])
        return nn.functional.conv2d(image, self.weight, self.bias)


def test_a_magnified_image_is_seen_larger_and_its_logits_come_back_in_place() -> None:
    """Of a ramp, which bilinear interpolation keeps, away from the border where it is cut off."""
    ramp = np.add.outer(2 * np.arange(30), 3 * np.arange(38)).astype(np.uint8)
    images = torch.from_numpy(np.repeat(ramp[None, ..., None], 3, axis=3))
    pipeline = Pipeline(Pointwise(), IMAGENET_MEAN, IMAGENET_STD, tta=TTA((1.25,))).eval()
    actual = pipeline(images)
    assert pipeline.stride == 16  # 20 enlarged pixels, a multiple of the model's 4
    assert pipeline.model.seen == (40, 60)  # 32x48, the next multiples of 16, times 1.25
    expected = pipeline.model(pipeline.normalise(images))
    assert actual.shape == expected.shape
    assert_allclose(actual.detach()[..., 1:28, 1:36], expected.detach()[..., 1:28, 1:36], atol=1e-5)


class Constant(nn.Module):
    """Says the same of every pixel."""

    stride = 1

    def __init__(self, values: tuple[float, ...]) -> None:
        super().__init__()
        self.values = torch.tensor(values).view(1, -1, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.values.expand(len(image), -1, *image.shape[-2:])


def test_offsets_come_in_pixels_whatever_unit_a_net_gives_them_in() -> None:
    model = Constant((1.0, 2.0, 0.5, 3.0, -4.0))
    for unit in (16.0, 80.0):
        pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, grouping=GroupingParameters((1,)), offset_unit=unit)
        assert_allclose(pipeline(torch.from_numpy(IMAGES))[0, :, 0, 0], [1.0, 2.0, 0.5, 3 * unit, -4 * unit])


def test_in_training_images_are_seen_as_they_are() -> None:
    pipeline = Pipeline(Pointwise(), IMAGENET_MEAN, IMAGENET_STD, tta=TTA((1.25,))).train()
    pipeline(torch.from_numpy(IMAGES))
    assert pipeline.model.seen == IMAGES.shape[1:3]


def test_a_model_with_coarse_logits_is_asked_for_those() -> None:
    torch.manual_seed(0)
    model = build("fpn", 3, encoder="test_resnet").eval()
    pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA((1.5,))).eval()
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, 128, 64, 3), np.uint8))
    with torch.no_grad():
        large = nn.functional.interpolate(pipeline.normalise(images), scale_factor=1.5, mode="bilinear")
        expected = nn.functional.interpolate(model.coarse(large), (128, 64), mode="bilinear")
        assert_allclose(pipeline(images), expected, atol=1e-5)


def test_a_pipeline_flipped_along_both_axes_averages_four_ways_round() -> None:
    torch.manual_seed(0)
    model = build("fpn", 3, encoder="test_resnet").eval()
    pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA(flip_axes=(-2, -1))).eval()
    images = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 64, 96, 3), np.uint8))
    with torch.no_grad():
        image = pipeline.normalise(images)
        ways = [model(image.flip(axes)).flip(axes) for axes in ((), (-1,), (-2,), (-2, -1))]
        assert_allclose(pipeline(images), torch.stack(ways).mean(dim=0), atol=1e-5)


def test_a_mirrored_pipeline_averages_what_the_model_says_of_an_image_and_of_its_mirror_image() -> None:
    torch.manual_seed(0)
    model = build("fpn", 3, encoder="test_resnet").eval()
    pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA(flip_axes=(-1,))).eval()
    images = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 64, 96, 3), np.uint8))
    with torch.no_grad():
        normalised = pipeline.normalise(images)
        plain, mirror = model(normalised), model(normalised.flip(-1)).flip(-1)
        assert_allclose(pipeline(images), (plain + mirror) / 2, atol=1e-5)
        assert not np.allclose(plain, mirror, atol=1e-3)


@pytest.mark.parametrize("magnification", [1.0, 1.25])
def test_the_mirror_image_of_any_width_gets_the_mirrored_logits(magnification: float) -> None:
    """Where the width is a multiple of the stride, so that nothing is padded, exactly; elsewhere the shape is right."""
    torch.manual_seed(0)
    model = build("fpn", 3, encoder="test_resnet").eval()
    pipeline = Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA((magnification,), (-1,))).eval()
    images = torch.from_numpy(
        np.random.default_rng(3).integers(0, 256, (1, pipeline.stride, 2 * pipeline.stride, 3), np.uint8)
    )
    with torch.no_grad():
        assert_allclose(pipeline(images.flip(2)), pipeline(images).flip(-1), atol=1e-5)
        assert pipeline(images[:, :-3, :-5]).shape == (1, 3, pipeline.stride - 3, 2 * pipeline.stride - 5)


def test_in_training_no_mirror_image_is_seen() -> None:
    pipeline = Pipeline(nn.Conv2d(3, 2, 3, padding=1), IMAGENET_MEAN, IMAGENET_STD, tta=TTA(flip_axes=(-1,))).train()
    images = torch.from_numpy(IMAGES)
    assert torch.equal(pipeline(images), pipeline.model(pipeline.normalise(images)))


@pytest.mark.parametrize("magnification", [1.0, 1.5])
def test_offsets_are_in_pixels_of_the_image_whatever_it_is_enlarged_by(magnification: float) -> None:
    """A model that says 2 and 3 units says 2 * 16 and 3 * 16 pixels of what it sees; scores stay."""
    model = Constant((5.0, 2.0, 3.0))
    pipeline = Pipeline(
        model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA((magnification,)), grouping=GroupingParameters((0,))
    )
    for training, factor in ((True, 1.0), (False, magnification)):
        logits = pipeline.train(training)(torch.from_numpy(IMAGES))
        assert_allclose(logits[0, :, 0, 0], [5, 2 * OFFSET_UNIT / factor, 3 * OFFSET_UNIT / factor], rtol=1e-6)


def test_a_mirror_image_leads_to_its_centres_the_other_way() -> None:
    """Offsets that an image and its mirror image share cancel out across, and stay down; scores stay as they are."""
    pipeline = Pipeline(
        Constant((5.0, 2.0, 3.0)),
        IMAGENET_MEAN,
        IMAGENET_STD,
        tta=TTA(flip_axes=(-1,)),
        grouping=GroupingParameters((0,)),
    ).eval()
    assert_allclose(pipeline(torch.from_numpy(IMAGES))[0, :, 0, 0], [5, 2 * OFFSET_UNIT, 0], atol=1e-6)


def test_an_image_upside_down_leads_to_its_centres_the_other_way_down() -> None:
    pipeline = Pipeline(
        Constant((5.0, 2.0, 3.0)),
        IMAGENET_MEAN,
        IMAGENET_STD,
        tta=TTA(flip_axes=(-2,)),
        grouping=GroupingParameters((0,)),
    ).eval()
    assert_allclose(pipeline(torch.from_numpy(IMAGES))[0, :, 0, 0], [5, 0, 3 * OFFSET_UNIT], atol=1e-6)


def test_two_magnifications_are_averaged() -> None:
    torch.manual_seed(0)
    model = build("fpn", 3, encoder="test_resnet").eval()
    images = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (1, 128, 256, 3), np.uint8))
    with torch.no_grad():
        one, other, both = (
            Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA(scales, (-1,))).eval()(images)
            for scales in ((1.25,), (1.5,), (1.25, 1.5))
        )
    assert_allclose(both, (one + other) / 2, atol=1e-5)
    assert not np.allclose(one, other, atol=1e-3)
    assert Pipeline(model, IMAGENET_MEAN, IMAGENET_STD, tta=TTA((1.25, 1.5))).stride == 4 * model.stride
