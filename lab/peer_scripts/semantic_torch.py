"""Train a peer's net on CamVid by the clock; `lab.peers` runs it in an environment of its own.

    python semantic_torch.py CAMVID OUT --encoder-weights FILE --package smp --minutes 10 --rate 1e-3

Needs torch, timm, numpy, Pillow and the package: `smp` (segmentation_models_pytorch) for its FPN, or `torchvision` for
its LR-ASPP, the net that its reference scripts train for small machines. Both get the ImageNet weights of pixelwise's
default encoder. The loop is the one that people write around them: images held in memory, crops of 256x320 at
magnifications of 0.67 to 2, flips, brightness, batches of 8, plain cross-entropy; AdamW with a cosine over the time
given for the one, and as in torchvision's references SGD with momentum and a polynomial decay for the other. Label maps
of the validation and test images, with flip TTA as pixelwise's, go to OUT/val and OUT/test. The minutes include reading
and training, not these predictions.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

CLASSES, VOID = 11, 255
CROP, SCALE, BATCH = (256, 320), (0.667, 2.0), 8
MEAN, STD = 127 / 255, 128 / 255


def read(root: Path, split: str) -> list[tuple[str, Image.Image, Image.Image]]:
    """Return name, photo and label map of each image of a split; what is no class is `VOID`."""
    samples = []
    for path in sorted((root / split).glob("*.png")):
        labels = np.array(Image.open(root / f"{split}annot" / path.name))
        labels[labels >= CLASSES] = VOID
        samples.append((path.stem, Image.open(path).convert("RGB"), Image.fromarray(labels)))
    return samples


def augment(photo: Image.Image, labels: Image.Image, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut a piece out first, then resize that alone to the crop."""
    scale = math.exp(rng.uniform(*np.log(SCALE)))
    height, width = (min(side, round(crop / scale)) for side, crop in zip(photo.size[::-1], CROP, strict=True))
    top, left = int(rng.integers(photo.size[1] - height + 1)), int(rng.integers(photo.size[0] - width + 1))
    box = (left, top, left + width, top + height)
    image = np.asarray(photo.resize(CROP[::-1], Image.Resampling.BILINEAR, box=box), np.float32)
    target = np.asarray(labels.resize(CROP[::-1], Image.Resampling.NEAREST, box=box))
    if rng.random() < 0.5:
        image, target = image[:, ::-1], target[:, ::-1]
    return np.clip(image * rng.uniform(0.7, 1.3), 0, 255), target


def make_batch(
    samples: list[tuple[str, Image.Image, Image.Image]], rng: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    picked = rng.integers(len(samples), size=BATCH)
    images, targets = zip(*(augment(samples[index][1], samples[index][2], rng) for index in picked), strict=True)
    return normalize(np.stack(images)), torch.from_numpy(np.stack(targets)).long()


def normalize(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((images.transpose(0, 3, 1, 2) / 255 - MEAN) / STD).float()


class TwoMaps(torch.nn.Module):
    """The maps of strides 8 and 16 under the names that torchvision's LR-ASPP asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.net = timm.create_model("tf_efficientnet_lite0", features_only=True, pretrained=False)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.net(image)
        return {"low": maps[2], "high": maps[3]}


def build_smp_fpn(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    import segmentation_models_pytorch as smp

    model: torch.nn.Module = smp.FPN("timm-tf_efficientnet_lite0", encoder_weights=None, classes=CLASSES)
    fill(model.get_submodule("encoder"), weights)
    return model


def build_torchvision_lraspp(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    from torchvision.models.segmentation import LRASPP

    backbone = TwoMaps()
    fill(backbone.net, weights)
    low, high = backbone.net.feature_info.channels()[2:4]  # type: ignore[union-attr, operator]
    model: torch.nn.Module = LRASPP(backbone, low, high, CLASSES)
    return model


def fill(encoder: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Copy weights in; the encoder's entries stand in the file in the same order."""
    encoder.load_state_dict(dict(zip(encoder.state_dict(), weights.values(), strict=False)))


def logits_of(output: torch.Tensor | dict[str, torch.Tensor]) -> torch.Tensor:
    return output["out"] if isinstance(output, dict) else output


def make_adamw(model: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), rate)


def make_sgd(model: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), rate, momentum=0.9, weight_decay=1e-4)


def cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def polynomial(progress: float) -> float:
    return float((1 - progress) ** 0.9)


PACKAGES = {"smp": (build_smp_fpn, make_adamw, cosine), "torchvision": (build_torchvision_lraspp, make_sgd, polynomial)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder-weights", type=Path, required=True)
    parser.add_argument("--package", choices=list(PACKAGES), required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    args = parser.parse_args()
    started = time.perf_counter()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    samples = read(args.camvid, "train")
    build, make_optimizer, decay = PACKAGES[args.package]
    model = build(torch.load(args.encoder_weights, map_location="cpu", weights_only=True)).train()
    optimizer = make_optimizer(model, args.rate)
    compute_loss = torch.nn.CrossEntropyLoss(ignore_index=VOID)
    steps, seconds = 0, 60 * args.minutes
    while (elapsed := time.perf_counter() - started) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * decay(elapsed / seconds)
        images, targets = make_batch(samples, rng)
        loss = compute_loss(logits_of(model(images)), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
    milliseconds = (time.perf_counter() - started) * 1000 / (steps * BATCH)
    model.eval()
    for split in ("val", "test"):
        folder = args.out / split
        folder.mkdir(parents=True, exist_ok=True)
        for name, photo, _ in read(args.camvid, split):
            image = normalize(np.asarray(photo, np.float32)[None])
            height, width = image.shape[-2:]
            padded = torch.nn.functional.pad(image, (0, -width % 32, 0, -height % 32))
            with torch.inference_mode():
                plain, mirror = logits_of(model(torch.cat([padded, padded.flip(-1)])))
            labels = (plain + mirror.flip(-1))[:, :height, :width].argmax(0)
            Image.fromarray(labels.byte().numpy()).save(folder / f"{name}.png")
    (args.out / "done.json").write_text(json.dumps({"steps": steps, "ms_an_image": milliseconds}))


if __name__ == "__main__":
    main()
