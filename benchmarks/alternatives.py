"""Losses, augmentations and decoders that the default does without; what they would be worth: `recipe.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, find_objects
from torch import nn

from pixelwise.core.classes import IGNORE_INDEX
from pixelwise.data.dataset import Dataset, Item, Sample
from pixelwise.instances.objects import AnyInstanceMap
from pixelwise.instances.targets import centre_targets
from pixelwise.metrics.pixels import counted_pixels
from pixelwise.nn.layers.convolution import depthwise_separable_convolution
from pixelwise.nn.losses import counted_weight, cross_entropy
from pixelwise.nn.models.blocks import SeparableConvBNReLU
from pixelwise.nn.models.fpn import FPN
from pixelwise.nn.pipeline import Pipeline
from pixelwise.training.config import RunConfig
from pixelwise.training.samples import Batch

Float32 = npt.NDArray[np.float32]
Loss = Callable[..., torch.Tensor]
"""(logits (N, K, H, W), target (N, H, W), *, pixel_weights (N, H, W), reduction) -> the sum over the pixels."""
Augmentation = Callable[[Batch, RunConfig, int], Batch]
"""(batch, configuration, step) -> the batch changed."""

FOCUS = 2.0
"""The focal loss's gamma."""
HARDEST = 0.25
PASTED = 0.5
"""Share of the crops that get a part of another."""
BOX = (0.3, 0.7)
"""Sides of a pasted box, as shares of the crop's."""
NOISE = 12.0
SMOOTHING = 0.05
RATES = (1, 3, 6)
"""Dilations at stride 32."""
TURN = 5.0
"""Degrees."""
STYLES = 0.3
"""What the two parameters of the beta distribution are that styles are mixed by."""
BETWEEN = ((2, 1), (4, 0), (5, 2))
"""(stage, block) of maps of strides 8, 16 and 32 that an encoder's own maps leave out."""
STRETCH = (1.0, 99.8)
"""Percentiles."""
LEAST_RANGE = 10.0
MOST_SMALL = 3.0
"""What the weight of a small object grows by at most."""
RARE = 1.5
"""Classes of this weight and more are rare."""


def with_dice(
    logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str
) -> torch.Tensor:
    """Cross-entropy plus the classes' mean soft Dice loss (Milletari et al., 3DV 2016, arXiv:1606.04797)."""
    probability, truth = _counted(logits, target)
    overlap = 2 * (probability * truth).sum(dim=0)
    sizes = (probability + truth).sum(dim=0)
    dice = (1 - overlap / sizes.clamp(min=1))[truth.any(dim=0)].mean()
    return _beside(dice, logits, target, pixel_weights)


def with_lovasz(
    logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str
) -> torch.Tensor:
    """Cross-entropy plus the Lovasz-softmax loss (Berman et al., CVPR 2018, arXiv:1705.08790, equation 11)."""
    probability, truth = _counted(logits[..., ::2, ::2], target[:, ::2, ::2])
    losses = []
    for class_index in torch.nonzero(truth.any(dim=0)).flatten().tolist():
        own = truth[:, class_index]
        errors, order = (own - probability[:, class_index]).abs().sort(descending=True)
        missed = own[order].cumsum(0)
        union = own.sum() + (1 - own[order]).cumsum(0)
        jaccard = 1 - (own.sum() - missed) / union
        losses.append((errors * jaccard.diff(prepend=jaccard.new_zeros(1))).sum())
    return _beside(torch.stack(losses).mean(), logits, target, pixel_weights)


def focal(logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str) -> torch.Tensor:
    """Focal loss (Lin et al., ICCV 2017, arXiv:1708.02002, equation 5)."""
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=IGNORE_INDEX)
    return (losses * (1 - (-losses).exp()) ** FOCUS * pixel_weights).sum()


def hardest(logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str) -> torch.Tensor:
    """Cross-entropy of the pixels that are hardest to tell (Shrivastava et al., CVPR 2016, arXiv:1604.03540)."""
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=IGNORE_INDEX) * pixel_weights
    kept = losses.flatten().topk(int(HARDEST * losses.numel())).values
    return kept.sum()


def boundary_twice(
    logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str
) -> torch.Tensor:
    """Cross-entropy in which pixels that touch another class count twice."""
    known = target.where(counted_pixels(target), 0).float()
    highest, lowest = F.max_pool2d(known, 3, 1, 1), -F.max_pool2d(-known, 3, 1, 1)
    return cross_entropy(logits, target, pixel_weights=pixel_weights * (1 + (highest != lowest)), reduction="sum")


def smoothed(
    logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str
) -> torch.Tensor:
    """Cross-entropy with a truth that is spread a little over all classes (Szegedy et al., CVPR 2016)."""
    options = {"reduction": "none", "ignore_index": IGNORE_INDEX, "label_smoothing": SMOOTHING}
    return (F.cross_entropy(logits, target, **options) * pixel_weights).sum()


def rare_pasted(batch: Batch, config: RunConfig, step: int) -> Batch:
    """Put the rare classes of the next crop into every other one (Ghiasi et al., CVPR 2021, arXiv:2012.07177)."""
    rare = torch.tensor([weight >= RARE for weight in config.recipe.class_weights] + [False])
    chosen = np.random.default_rng((config.seed, step)).random(len(batch.targets)) < PASTED
    targets = batch.targets.roll(1, 0)
    known = targets.where(counted_pixels(targets), len(rare) - 1)
    pasted = rare[known] & torch.from_numpy(chosen)[:, None, None]
    images = torch.where(pasted[..., None], batch.images.roll(1, 0), batch.images)
    return Batch(images, torch.where(pasted, targets, batch.targets), None)


def boxes_pasted(batch: Batch, config: RunConfig, step: int) -> Batch:
    """Put a box of the next crop into every other one (Yun et al., ICCV 2019, arXiv:1905.04899)."""
    rng = np.random.default_rng((config.seed, step))
    count, height, width = batch.targets.shape
    images, targets = batch.images.clone(), batch.targets.clone()
    for place in np.flatnonzero(rng.random(count) < PASTED):
        high, wide = (int(side * rng.uniform(*BOX)) for side in (height, width))
        top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        box = (slice(top, top + high), slice(left, left + wide))
        images[place][box] = batch.images[place - 1][box]
        targets[place][box] = batch.targets[place - 1][box]
    return Batch(images, targets, None)


def noisy(batch: Batch, config: RunConfig, step: int) -> Batch:
    """Add noise of up to `NOISE` levels to each crop."""
    rng = np.random.default_rng((config.seed, step))
    sigma = rng.uniform(0, NOISE, (len(batch.images), 1, 1, 1))
    noise = rng.standard_normal(batch.images.shape, np.float32) * sigma
    return batch._replace(images=(batch.images + torch.from_numpy(noise)).round().clamp(0, 255).to(torch.uint8))


def turned(batch: Batch, config: RunConfig, step: int) -> Batch:
    """Turn each crop by up to `TURN` degrees."""
    rng = np.random.default_rng((config.seed, step))
    angles = torch.from_numpy(np.radians(rng.uniform(-TURN, TURN, len(batch.images))).astype(np.float32))
    height, width = batch.targets.shape[1:]
    zeros = torch.zeros_like(angles)
    rows = [torch.stack([angles.cos(), -angles.sin() * height / width, zeros], 1)]
    rows += [torch.stack([angles.sin() * width / height, angles.cos(), zeros], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), [len(angles), 1, height, width], align_corners=False)
    images = F.grid_sample(batch.images.movedim(-1, 1).float(), grid, padding_mode="border", align_corners=False)
    targets = F.grid_sample(
        batch.targets[:, None].float() - IGNORE_INDEX, grid, mode="nearest", padding_mode="zeros", align_corners=False
    )  # what comes from outside is 0 there
    return Batch(images.movedim(1, -1).round().to(torch.uint8), targets[:, 0].long() + IGNORE_INDEX, None)


def with_dropout(model: FPN, share: float) -> None:
    """Do without a share of the channels before the head in each step."""
    model.head = nn.Sequential(nn.Dropout2d(share), model.head)


def with_dropped_maps(model: FPN, share: float) -> None:
    """Do without a share of each of the encoder's maps in each step."""
    model.laterals = nn.ModuleList(nn.Sequential(nn.Dropout2d(share), lateral) for lateral in model.laterals)


def with_mixed_styles(model: FPN) -> None:
    """Mix means and deviations of the encoder's maps between crops (Zhou et al., ICLR 2021, arXiv:2104.02008)."""
    model.laterals = nn.ModuleList(nn.Sequential(MixedStyles(), lateral) for lateral in model.laterals)


class MixedStyles(nn.Module):
    """Give half of the batches the style of other crops, in part."""

    def forward(self, map_: torch.Tensor) -> torch.Tensor:
        if not self.training or torch.rand(()) < 0.5:
            return map_
        deviation, mean = torch.std_mean(map_, dim=(2, 3), keepdim=True)
        own = torch.from_numpy(np.random.default_rng(int(torch.randint(2**31, ()))).beta(STYLES, STYLES, len(map_)))
        own = own.to(map_)[:, None, None, None]
        mixed_mean = own * mean + (1 - own) * mean.roll(1, 0)
        mixed = own * deviation + (1 - own) * deviation.roll(1, 0)
        return (map_ - mean) / (deviation + 1e-6) * mixed + mixed_mean


def batch_norms_kept(model: FPN) -> None:
    """Leave the encoder's batch norms as they are, whatever else learns."""
    for layer in model.encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.requires_grad_(False)


def with_maps_between(model: FPN) -> None:
    """Take in one more map of the encoder at strides 8, 16 and 32."""
    for level, (stage, block) in enumerate(BETWEEN, start=1):
        model.laterals[level] = WithAnother(model.laterals[level], model.encoder.net.blocks[stage][block])


class WithAnother(nn.Module):
    """A lateral that takes in what an inverted residual expands to, as well."""

    def __init__(self, lateral: nn.Conv2d, block: nn.Module) -> None:
        super().__init__()
        self.lateral = lateral
        self.other = nn.Conv2d(block.bn1.num_features, lateral.out_channels, 1)
        self.map_ = torch.empty(0)
        block.bn1.register_forward_hook(self._keep)

    def _keep(self, layer: nn.Module, taken: tuple[torch.Tensor], map_: torch.Tensor) -> None:
        self.map_ = map_.detach()

    def forward(self, map_: torch.Tensor) -> torch.Tensor:
        own: torch.Tensor = self.lateral(map_) + self.other(self.map_)
        return own


def interpolated_off_centre(sign: int, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Resize (N, C, H, W) to (N, C, *size) between two maps of a net, each by where its samples lie in the image.

    `sign` is 1 where these are the first pixels of the squares of stride x stride pixels, -1 where they are the last.
    """
    factor = size[0] / features.shape[2]
    return _shifted(features, size, sign * (factor - 1) / (2 * factor))


def logits_off_centre(sign: int, stride: int, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Resize logits of a net's map of `stride` to an image as `interpolated_off_centre` does; images as usual."""
    shift = 0.0 if features.shape[1] == 3 else sign * (stride - 1) / (2 * stride)
    return _shifted(features, size, shift)


def _shifted(features: torch.Tensor, size: Sequence[int], shift: float) -> torch.Tensor:
    """Resize with half-pixel centres, `shift` cells of `features` further down and right."""
    sides = []
    for cells, pixels in zip(features.shape[2:], size, strict=True):
        positions = (torch.arange(pixels, device=features.device) + 0.5) * (cells / pixels) - 0.5 + shift
        sides.append(2 * positions / max(1, cells - 1) - 1)
    rows, columns = torch.meshgrid(*sides, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).expand(len(features), -1, -1, -1)
    return F.grid_sample(features.float(), grid, padding_mode="border", align_corners=True)


_read = Dataset.read


def read_stretched(dataset: Dataset, item: Item) -> Sample:
    """Read a sample whose image's values are 0 at one percentile and 255 at another."""
    sample = _read(dataset, item)
    low, high = np.percentile(sample.image, STRETCH)
    values = (sample.image.astype(np.float32) - low) * (255 / max(high - low, LEAST_RANGE))
    return replace(sample, image=values.clip(0, 255).astype(np.uint8))


def read_square_roots(dataset: Dataset, item: Item) -> Sample:
    """Read a sample whose dark values lie further apart."""
    sample = _read(dataset, item)
    return replace(sample, image=np.sqrt(sample.image.astype(np.float32) * 255).astype(np.uint8))


def distance_targets(instance_map: AnyInstanceMap, heat_width: float) -> tuple[Float32, Float32]:
    """Give, instead of a Gaussian, the distance to the object's border for heat, 1 where it is largest."""
    heat, offsets = centre_targets(instance_map, heat_width)
    for index, box in enumerate(find_objects(instance_map), 1):
        if box is not None:
            own = instance_map[box] == index
            distance = distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
            heat[box] = np.where(own, distance / distance.max(), heat[box])
    return heat, offsets


def small_weights(instance_map: AnyInstanceMap, *, w0: float) -> Float32:
    """Weigh objects the more the smaller they are, by the square root of how much smaller than the median."""
    areas = np.bincount(instance_map.ravel())
    areas[0] = 0
    if not areas.any():
        return np.zeros(instance_map.shape, np.float32)
    smaller = np.median(areas[areas > 0]) / areas.clip(min=1)
    weights = w0 * (np.sqrt(smaller) - 1).clip(0, MOST_SMALL)
    weights[0] = 0
    own: Float32 = weights.astype(np.float32)[instance_map]
    return own


def behind_the_coarsest(model: FPN, block: Callable[[int], nn.Module]) -> None:
    """Put a block, made from its number of channels, behind the lateral of the coarsest map."""
    model.laterals[-1] = nn.Sequential(model.laterals[-1], block(model.head.in_channels))


def smooth(channels: int) -> nn.Module:
    return SeparableConvBNReLU(channels, channels)


def smoothed_twice(model: FPN) -> None:
    """Smooth the sums of strides 8 and 16 twice, and the coarsest map once."""
    behind_the_coarsest(model, smooth)
    for level in (1, 2):
        model.smooth[level] = nn.Sequential(model.smooth[level], smooth(model.head.in_channels))


class PlusMean(nn.Module):
    """Add what the mean of the whole map says, as ParseNet does (Liu et al. 2015, arXiv:1506.04579)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True))

    def forward(self, map_: torch.Tensor) -> torch.Tensor:
        own: torch.Tensor = map_ + self.project(map_.mean(dim=(2, 3), keepdim=True))
        return own


class Pyramid(nn.Module):
    """Depthwise separable convolutions at several dilations beside each other (Chen et al. 2017, arXiv:1706.05587)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                *depthwise_separable_convolution(channels, channels, dilation=rate),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            )
            for rate in RATES
        )

    def forward(self, map_: torch.Tensor) -> torch.Tensor:
        return map_ + torch.stack([branch(map_) for branch in self.branches]).sum(dim=0)


class Taught:
    """Cross-entropy with the truth and with a teacher's answers, half and half (Hinton et al. 2015, arXiv:1503.02531).

    `images` are those of the batch whose loss is asked for next.
    """

    def __init__(self, teacher: Pipeline, step: int) -> None:
        self.teacher = teacher
        self.step = step
        self.images = torch.empty(0)

    def __call__(
        self, logits: torch.Tensor, target: torch.Tensor, *, pixel_weights: torch.Tensor, reduction: str
    ) -> torch.Tensor:
        with torch.no_grad():
            answers = self.teacher(self.images.to(logits.device), self.step).softmax(dim=1)
        apart = -(answers * logits.log_softmax(dim=1)).sum(dim=1) * pixel_weights
        told = cross_entropy(logits, target, pixel_weights=pixel_weights, reduction="sum")
        return 0.5 * (told + apart[counted_pixels(target)].sum())


def _beside(loss: torch.Tensor, logits: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus `loss`, as a sum that is later divided by the weight of the counted pixels."""
    total = cross_entropy(logits, target, pixel_weights=weights, reduction="sum")
    return total + loss * counted_weight(target, pixel_weights=weights)


def _counted(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return probabilities and truth, both (n, K), of the counted pixels."""
    counted = counted_pixels(target)
    probability = logits.softmax(dim=1).movedim(1, -1)[counted]
    return probability, F.one_hot(target[counted], logits.shape[1]).to(probability)
