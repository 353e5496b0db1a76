"""Label photos with a net of segmentation_models.pytorch in torch, as its users do; `lab.predict` runs it in an
environment of its own.

    python speed_smp.py MODEL ENCODER PHOTO ...

Weights are at random. Prints the seconds from the first file to the last palette PNG; the net is built before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from PIL import Image

MODELS = {"fpn": smp.FPN, "deeplabv3plus": smp.DeepLabV3Plus}
CLASSES, MULTIPLE = 11, 32
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def main() -> None:
    name, encoder, *photos = sys.argv[1:]
    torch.manual_seed(0)
    model = MODELS[name](f"tu-tf_{encoder}", encoder_weights=None, classes=CLASSES).eval()
    palette = np.random.default_rng(0).integers(0, 256, (CLASSES, 3), np.uint8).tobytes()
    with tempfile.TemporaryDirectory() as out, torch.inference_mode():
        predict(model, photos[0], Path(out), palette)
        started = time.perf_counter()
        for photo in photos:
            predict(model, photo, Path(out), palette)
        print(time.perf_counter() - started)


def predict(model: torch.nn.Module, photo: str, out: Path, palette: bytes) -> None:
    image = torch.from_numpy(np.asarray(Image.open(photo).convert("RGB")).copy()).float() / 255
    image = ((image - MEAN) / STD).permute(2, 0, 1)[None]
    height, width = image.shape[-2:]
    padded = F.pad(image, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    labels = model(padded)[0, :, :height, :width].argmax(0).to(torch.uint8)
    mask = Image.fromarray(labels.numpy())
    mask.putpalette(palette)
    mask.save(out / f"{Path(photo).stem}.png")


if __name__ == "__main__":
    main()
