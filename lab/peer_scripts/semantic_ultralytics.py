"""Train Ultralytics' semantic net on CamVid by the clock; `lab.peers` runs it in an environment of its own.

    python semantic_ultralytics.py CAMVID OUT --minutes 10 --rate 1e-3

Needs ultralytics, numpy and Pillow. Without a network there are no pretrained weights for it: yolo26n-sem starts from
random ones, at its own settings but for the optimiser, whose rate is given, batches of 8, and images of 480 pixels.
It validates at the end alone. Label maps of the validation and test images go to OUT/val and OUT/test. The minutes
include its reading and training, not these predictions.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from ultralytics import YOLO

NAMES = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]
VOID, SIZE, BATCH = 255, 480, 8


def write_layout(camvid: Path, folder: Path) -> Path:
    """Write the layout that Ultralytics reads; return its description."""
    for split in ("train", "val", "test"):
        for source in sorted((camvid / split).glob("*.png")):
            labels = np.array(Image.open(camvid / f"{split}annot" / source.name))
            labels[labels >= len(NAMES)] = VOID
            image, mask = folder / "images" / split / source.name, folder / "masks" / split / source.name
            for path in (image, mask):
                path.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(source.read_bytes())
            Image.fromarray(labels).save(mask)
    splits = {split: f"images/{split}" for split in ("train", "val", "test")}
    description = {"path": str(folder.resolve()), **splits, "masks_dir": "masks", "names": dict(enumerate(NAMES))}
    file = folder / "camvid.yaml"
    file.write_text(yaml.safe_dump(description))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    args = parser.parse_args()
    data = write_layout(args.camvid, args.out / "data")
    model = YOLO("yolo26n-sem.yaml")
    images = 0

    def count(trainer: object) -> None:
        nonlocal images
        images += BATCH

    model.add_callback("on_train_batch_end", count)
    started = time.perf_counter()
    model.train(
        data=str(data),
        imgsz=SIZE,
        batch=BATCH,
        time=args.minutes / 60,
        optimizer="AdamW",
        lr0=args.rate,
        cos_lr=True,
        cache="ram",
        workers=0,
        device="cpu",
        val=False,
        plots=False,
        project=str(args.out.resolve()),
        name="run",
        exist_ok=True,
    )
    milliseconds = 1000 * (time.perf_counter() - started) / images
    model = YOLO(args.out / "run" / "weights" / "last.pt")
    for split in ("val", "test"):
        folder = args.out / split
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted((args.out / "data" / "images" / split).glob("*.png")):
            (result,) = model.predict(source, imgsz=SIZE, device="cpu", verbose=False)
            labels = result.semantic_mask.data.squeeze().cpu().numpy().astype(np.uint8)
            Image.fromarray(labels).save(folder / source.name)
    (args.out / "done.json").write_text(json.dumps({"steps": images // BATCH, "ms_an_image": milliseconds}))


if __name__ == "__main__":
    main()
