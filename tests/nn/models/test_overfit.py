"""Every model learns four images by heart: what a wrong skip, crop or up-sampling would keep it from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.metrics.scores import mean_iou
from pixelwise.nn.losses import cross_entropy
from pixelwise.nn.models import MODELS, build

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = 2
SIZE = (64, 96)
CASES = {name: {"width": 0.125} for name in MODELS} | {
    "unet on an encoder": {"encoder": "test_resnet"},
    "fcn8s on alexnet": {"encoder": "alexnet", "width": 0.125},
    "fcn8s on googlenet": {"encoder": "googlenet", "width": 0.25},
}
MAX_STEPS = 400
LONG = ("bayesian_segnet", "fcn32s", "segnet", "deeplabv3plus", "unet on an encoder")


def halves() -> tuple[torch.Tensor, torch.Tensor]:
    """Four images (4, 3, H, W) parted by a straight line each, and their targets (4, H, W).

    A class score that falls from one coarse cell to the next has a straight zero line: FCN-32s can draw these as well
    as any other net. The two sides differ in brightness under noise.
    """
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    images, targets = [], []
    for angle in (0.2, 1.1, 2.0, 2.9):
        side = np.cos(angle) * (rows - 32) + np.sin(angle) * (columns - 48) > 0
        images.append(side[None] * 1.5 - 0.75 + 0.5 * rng.standard_normal((3, *SIZE)))
        targets.append(side)
    return torch.tensor(np.stack(images), dtype=torch.float32), torch.tensor(np.stack(targets)).long()


def miou(model: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        labels = model(images).argmax(1).to(torch.uint8).flatten(0, 1)
    model.train()
    return mean_iou(labels.numpy(), targets.to(torch.uint8).flatten(0, 1).numpy(), CLASSES)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in LONG else case for case in CASES]
)
def test_four_images_are_learnt_by_heart(case: str) -> None:
    torch.manual_seed(0)
    images, targets = halves()
    model = build(case.split()[0], CLASSES, **CASES[case]).train()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(MAX_STEPS):
        loss = cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 19 and miou(model, images, targets) >= 0.97:
            return
    assert miou(model, images, targets) >= 0.97
