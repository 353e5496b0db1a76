"""U-Net's overlap-tile strategy: an image predicted tile by tile equals one pass over the whole, mirrored image."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
import torch
from numpy.testing import assert_allclose

from pixelwise.nn.models.unet import BORDER, UNet
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.tiling.grid import Tiling
from pixelwise.tiling.stitch import stitch_logits
from pixelwise.training.planning.tiles import tile_and_overlap
from pixelwise.training.torch_engine import TorchEngine

pytestmark = pytest.mark.usefixtures("one_thread")

PAPER = Tiling(384, overlap=256, stride=UNet.stride)
"""A tile of 384 is mirrored to the paper's 572 inside the net, whose 388 are cropped to multiples of 16 again.

A block of 16 output pixels that starts at a multiple of 16 depends on 92 pixels before it and 96 after it, and on no
others. So what lies six blocks from a tile's edge knows nothing of the mirroring there: 3/8 of an overlap of 256.
"""


def pipeline() -> Pipeline:
    torch.manual_seed(0)
    model = UNet(3, 3, width=1 / 32)
    with torch.no_grad():
        model.head.weight /= 10  # logits of 1 to 2, as the tolerance of 1e-5 takes them
    return Pipeline(model, IMAGENET_MEAN, IMAGENET_STD).eval()


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def in_one_pass(pipeline: Pipeline, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The published, unpadded net on the image with 92 mirrored pixels and more, up to the next side it can take."""
    height, width = image.shape[:2]
    below, right = (-(side - 4) % 16 for side in (height, width))
    mirrored = np.pad(image, ((BORDER, BORDER + below), (BORDER, BORDER + right), (0, 0)), mode="reflect")
    with torch.no_grad():
        logits = pipeline.model.valid(pipeline.normalise(torch.from_numpy(mirrored[None])))
    return logits[0, :, :height, :width].numpy()


def test_tiles_of_the_paper_equal_one_pass_over_1000_by_777() -> None:
    net, image = pipeline(), picture(1000, 777)
    whole = in_one_pass(net, image)
    assert np.abs(whole).max() > 1
    assert_allclose(stitch_logits(TorchEngine(net), image, PAPER), whole, rtol=0, atol=1e-5)


def test_the_grid_of_the_default_recipe_is_exact_as_well() -> None:
    tile, overlap = tile_and_overlap((1.0,))
    net, image = pipeline(), picture(tile + 64, 40)
    tiled = stitch_logits(TorchEngine(net), image, Tiling(tile, overlap, net.model.stride))
    assert_allclose(tiled, in_one_pass(net, image), rtol=0, atol=1e-5)


def test_tiles_that_share_no_more_than_the_papers_would_be_found_out() -> None:
    """Those share 572 - 388 = 184 pixels of true image; a tile mirrored by the net needs them on its own."""
    net, image = pipeline(), picture(2 * 384 - 192, 40)
    tiled = stitch_logits(TorchEngine(net), image, dataclasses.replace(PAPER, overlap=184))
    assert np.abs(tiled - in_one_pass(net, image)).max() > 1e-4


def test_windows_of_572_cut_from_the_mirrored_image_answer_for_the_pixels_amid_them() -> None:
    """As figure 2, and what it leaves out: 388 is no multiple of 16, so windows side by side pool other pixels."""
    net, image = pipeline(), picture(772, 388)
    whole = in_one_pass(net, image)
    mirrored = np.pad(image, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="reflect")

    def window(top: int) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            part = torch.from_numpy(mirrored[None, top : top + 572])
            return net.model.valid(net.normalise(part))[0].numpy()

    for top in (0, 16, 384):
        assert_allclose(window(top), whole[:, top : top + 388], rtol=0, atol=1e-5)
    assert np.abs(window(4) - whole[:, 4 : 4 + 388]).max() > 0.1  # 388 = 24 * 16 + 4


def test_a_block_of_16_depends_on_92_pixels_before_it_and_96_after_it() -> None:
    """NaN in one row of the input passes through every layer to all that depends on it."""
    model = UNet(2, 1, width=1 / 64).eval()
    before, after = [], []
    for row in range(224, 240):  # one period of the net's grid
        image = torch.zeros(1, 1, 444, 188)
        image[:, :, row] = torch.nan
        with torch.no_grad():
            touched = model.valid(image)[0, 0].isnan().any(dim=1).nonzero()
        first, last = int(touched[0]) // 16 * 16, int(touched[-1]) // 16 * 16 + 15  # whole blocks
        before.append(last - 15 - (row - BORDER))
        after.append(row - BORDER - (first + 15))
    assert (max(before), max(after)) == (92, 96)
