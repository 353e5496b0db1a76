"""Train StarDist on objects by the clock; `lab.nuclei` runs it in an environment of its own.

    python objects_stardist.py DATA OUT --minutes 30 --rate 3e-4

Needs stardist with tensorflow. DATA holds images/, 16-bit instances/, and train.txt, val.txt and test.txt. As in the
authors' example: 32 rays on a grid of 2, patches of 256x256, batches of 4, flips, turns and changes of intensity,
images scaled by their percentiles, thresholds chosen on the validation images; the learning rate falls as a cosine over
the time given. The minutes include reading and training, not the choice of thresholds and the predictions. Instance
maps with their objects' probabilities go to OUT/val and OUT/test.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import keras
import numpy as np
from csbdeep.utils import normalize
from PIL import Image
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

EPOCH = 100
RNG = np.random.default_rng(0)


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets the rate fall as a cosine over what is left of the time, and stops when it is over."""

    def __init__(self, started: float, seconds: float, rate: float) -> None:
        super().__init__()
        self.first, self.end, self.rate = time.perf_counter(), started + seconds, rate

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        progress = min(1.0, (time.perf_counter() - self.first) / (self.end - self.first))
        self.model.optimizer.learning_rate.assign(self.rate * max(1e-3, 0.5 * (1 + math.cos(math.pi * progress))))

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if time.perf_counter() > self.end:
            self.model.stop_training = True


def read(data: Path, split: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, image (gray where it is), scaled by its percentiles, and labels of each image of a split."""
    samples = []
    for name in (data / f"{split}.txt").read_text().split():
        image = np.asarray(Image.open(data / "images" / f"{name}.png").convert("RGB"), np.float32)
        labels = fill_label_holes(np.asarray(Image.open(data / "instances" / f"{name}.png")).astype(np.int32))
        samples.append((name, normalize(image, 1, 99.8, axis=(0, 1)), labels))
    return samples


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turns, flip = int(RNG.integers(4)), RNG.random() < 0.5
    image, labels = np.rot90(image, turns, (0, 1)), np.rot90(labels, turns, (0, 1))
    if flip:
        image, labels = image[:, ::-1], labels[:, ::-1]
    image = image * RNG.uniform(0.6, 2) + RNG.uniform(-0.2, 0.2)
    return image + RNG.normal(0, 0.02 * RNG.random(), image.shape), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    args = parser.parse_args()
    started = time.perf_counter()
    keras.utils.set_random_seed(0)
    train, val = read(args.data, "train"), read(args.data, "val")
    args.out.mkdir(parents=True, exist_ok=True)
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=3,
        train_patch_size=(256, 256),
        train_batch_size=4,
        train_learning_rate=args.rate,
        train_steps_per_epoch=EPOCH,
        train_epochs=1000,
        train_reduce_lr=None,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name="model", basedir=str(args.out))
    model.prepare_for_training()
    model.callbacks.append(Clock(started, 60 * args.minutes, args.rate))
    few = val[:8]  # its loss after each epoch takes time from the training
    images, labels = ([sample[i] for sample in train] for i in (1, 2))
    model.train(images, labels, validation_data=([s[1] for s in few], [s[2] for s in few]), augmenter=augment, seed=0)
    seconds = time.perf_counter() - started
    model.optimize_thresholds([sample[1] for sample in val], [sample[2] for sample in val])
    for split, samples in (("val", val), ("test", read(args.data, "test"))):
        (args.out / split).mkdir(exist_ok=True)
        for name, image, _ in samples:
            instance_map, details = model.predict_instances(image)
            Image.fromarray(instance_map.astype(np.uint16)).save(args.out / split / f"{name}.png")
            (args.out / split / f"{name}.json").write_text(json.dumps([float(score) for score in details["prob"]]))
    (args.out / "done.json").write_text(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
