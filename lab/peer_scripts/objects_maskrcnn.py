"""Train torchvision's Mask R-CNN on objects by the clock; `lab.nuclei` runs it in an environment of its own.

    python objects_maskrcnn.py DATA OUT --encoder-weights FILE --minutes 30 --rate 1e-3

Needs torch, torchvision and timm. DATA holds images/, 16-bit instances/, and train.txt, val.txt and test.txt. A feature
pyramid on EfficientNet-Lite1 with its ImageNet weights, since torchvision's own cannot be had without a network and a
ResNet-50 sees a few hundred images in half an hour on two cores; anchors from 8 to 128 pixels, up to 400 objects an
image, crops of 256x256, flips and turns, batches of 4, AdamW with a cosine over the time given. Where masks overlap the
surer object has the pixel. The least score of an object is chosen on the validation images. The minutes include reading
and training, not the predictions. Instance maps with their objects' scores go to OUT/val and OUT/test.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

CROP, BATCH = 256, 4
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
Sample = tuple[str, np.ndarray, np.ndarray]


class Pyramid(torch.nn.Module):
    """Features at strides 4 to 32, brought to 128 channels."""

    out_channels = 128

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.net = timm.create_model("tf_efficientnet_lite1", features_only=True, out_indices=(1, 2, 3, 4))
        values = torch.load(weights, map_location="cpu", weights_only=True).values()
        self.net.load_state_dict(dict(zip(self.net.state_dict(), values, strict=False)))
        channels = self.net.feature_info.channels()  # type: ignore[union-attr, operator]
        self.pyramid = FeaturePyramidNetwork(channels, self.out_channels)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features: dict[str, torch.Tensor] = self.pyramid(
            OrderedDict((str(level), features) for level, features in enumerate(self.net(images)))
        )
        return features


def build(weights: Path) -> MaskRCNN:
    return MaskRCNN(
        Pyramid(weights),
        num_classes=2,
        min_size=CROP,
        max_size=2048,
        image_mean=MEAN,
        image_std=STD,
        rpn_anchor_generator=AnchorGenerator(((8,), (16,), (32,), (64,)), ((0.5, 1.0, 2.0),) * 4),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2),
        mask_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2),
        rpn_post_nms_top_n_train=1000,
        box_batch_size_per_image=256,
        box_detections_per_img=400,
        box_score_thresh=min(SCORES),
    )


def read(data: Path, split: str) -> list[Sample]:
    """Return name, image uint8 (height, width, 3) and object ids (height, width) of each image of a split."""
    return [
        (
            name,
            np.asarray(Image.open(data / "images" / f"{name}.png").convert("RGB")),
            np.asarray(Image.open(data / "instances" / f"{name}.png")).astype(np.int32),
        )
        for name in (data / f"{split}.txt").read_text().split()
    ]


def draw_crop(sample: Sample, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    _, image, ids = sample
    top, left = (int(rng.integers(side - CROP + 1)) for side in ids.shape)
    image, ids = (pixels[top : top + CROP, left : left + CROP] for pixels in (image, ids))
    turns = int(rng.integers(4))
    image, ids = np.rot90(image, turns), np.rot90(ids, turns)
    if rng.random() < 0.5:
        image, ids = image[:, ::-1], ids[:, ::-1]
    masks = [mask for mask in (ids == number for number in np.unique(ids[ids > 0])) if mask.sum() > 8]
    boxes = list(map(bounding_box, masks))
    keep = [i for i, box in enumerate(boxes) if box[2] > box[0] + 1 and box[3] > box[1] + 1]
    pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255 * rng.uniform(0.7, 1.3)).clamp(0, 1)
    return pixels, {
        "boxes": torch.tensor([boxes[i] for i in keep], dtype=torch.float32).reshape(-1, 4),
        "labels": torch.ones(len(keep), dtype=torch.int64),
        "masks": torch.from_numpy(np.array([masks[i] for i in keep], np.uint8).reshape(-1, CROP, CROP)),
    }


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def train(model: MaskRCNN, samples: list[Sample], rate: float, end: float) -> int:
    """Train until `end` and return how many steps that were."""
    rng, first, steps = np.random.default_rng(0), time.perf_counter(), 0
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    model.train()
    while time.perf_counter() < end:
        progress = (time.perf_counter() - first) / (end - first)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (steps + 1) / 20) * 0.5 * (1 + math.cos(math.pi * min(1, progress)))
        picked = [draw_crop(samples[index], rng) for index in rng.integers(len(samples), size=BATCH)]
        losses = model([image for image, _ in picked], [target for _, target in picked])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        steps += 1
    return steps


def predict(model: MaskRCNN, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boolean masks (n, height, width) and scores (n,), the surest first."""
    with torch.inference_mode():
        (result,) = model([torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255)])
    return result["masks"][:, 0].numpy() > 0.5, result["scores"].numpy()


def paint(masks: np.ndarray, scores: np.ndarray, least: float, size: tuple[int, ...]) -> tuple[np.ndarray, list[float]]:
    """Return an instance map and its objects' scores: a pixel is the surest's."""
    instance_map, shown = np.zeros(size, np.uint16), []
    for mask, score in zip(masks, scores, strict=True):
        free = mask & (instance_map == 0)
        if score >= least and free.any():
            shown.append(float(score))
            instance_map[free] = len(shown)
    return instance_map, shown


def count_matches(instance_map: np.ndarray, truth: np.ndarray) -> tuple[int, int]:
    """Return how many objects match at an IoU above 0.5, and how many there are in both maps less these."""
    pairs, shared = np.unique(np.stack([instance_map.ravel(), truth.ravel()]), axis=1, return_counts=True)
    areas, true_areas = np.bincount(instance_map.ravel()), np.bincount(truth.ravel())
    inside = (pairs > 0).all(axis=0)
    predicted, true = pairs[:, inside]
    hits = int((shared[inside] / (areas[predicted] + true_areas[true] - shared[inside]) > 0.5).sum())
    return hits, int((areas[1:] > 0).sum() + (true_areas[1:] > 0).sum()) - hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--encoder-weights", type=Path, required=True)
    args = parser.parse_args()
    started = time.perf_counter()
    torch.manual_seed(0)
    model = build(args.encoder_weights)
    steps = train(model, read(args.data, "train"), args.rate, started + 60 * args.minutes)
    seconds = time.perf_counter() - started
    model.eval()
    val = [(name, truth, *predict(model, image)) for name, image, truth in read(args.data, "val")]

    def quality(least: float) -> float:
        each = [count_matches(paint(masks, scores, least, truth.shape)[0], truth) for _, truth, masks, scores in val]
        return sum(hits for hits, _ in each) / max(1, sum(whole for _, whole in each))

    least = max(SCORES, key=quality)
    test = ((name, truth, *predict(model, image)) for name, image, truth in read(args.data, "test"))
    for split, results in (("val", val), ("test", test)):
        (args.out / split).mkdir(parents=True, exist_ok=True)
        for name, truth, masks, scores in results:
            instance_map, confidences = paint(masks, scores, least, truth.shape)
            Image.fromarray(instance_map).save(args.out / split / f"{name}.png")
            (args.out / split / f"{name}.json").write_text(json.dumps(confidences))
    done = {"seconds": seconds, "steps": steps, "ms_an_image": 1000 * seconds / (steps * BATCH), "least_score": least}
    (args.out / "done.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main()
