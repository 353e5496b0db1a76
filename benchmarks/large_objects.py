"""Objects of 100 to 400 pixels: what grouping finds of them, against connected components of the same logits.

    python benchmarks/large_objects.py [--minutes N] [--train IMAGES] [--seed S] [--out FOLDER]

Animals of blobs, with heads, legs and tails in coats of their own, stand alone or in front of each other on a mottled
ground. A default instance model is trained on them for `--minutes`. AP50 and TP / (TP + FN + FP) at an IoU of 0.5 on
the test images, of the grouping that was fitted, of connected components with the least area that does best on the
validation images, and of centres with the largest radius and area that are tried for nuclei.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

import pixelwise as pw
from pixelwise.data.dataset import Dataset, Sample
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.grouping_parameters import COMPONENTS, Grouping
from pixelwise.metrics.instances import InstanceScores
from pixelwise.training.posthoc.grouping import LEAST_AREAS, RADII, _quality, _seen

UInt8 = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 448, 576
DIAMETERS = (100, 400)
VALIDATION, TEST = 30, 50
TOUCHING = 0.6
"""The share of animals, but the first of an image, that stand at another one."""


def mottled(rng: np.random.Generator, color: npt.NDArray[np.float64], grain: float, depth: float) -> np.ndarray:
    """Return float (HEIGHT, WIDTH, 3): a colour with clouds of this grain."""
    coarse = rng.normal(0, 1, (int(HEIGHT / grain) + 2, int(WIDTH / grain) + 2, 3))
    clouds = np.asarray([ndimage.zoom(coarse[..., c], grain, order=1)[:HEIGHT, :WIDTH] for c in range(3)])
    return color + depth * clouds.transpose(1, 2, 0)


def animal(rng: np.random.Generator, row: float, column: float, diameter: float) -> npt.NDArray[np.bool_]:
    """Return where an animal is, boolean (HEIGHT, WIDTH): about so many pixels across, turned at random."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    angle, unit = rng.uniform(0, 2 * np.pi), diameter / 2
    along = ((x - column) * np.cos(angle) + (y - row) * np.sin(angle)) / unit
    across = (-(x - column) * np.sin(angle) + (y - row) * np.cos(angle)) / unit
    body = (along / 0.72) ** 2 + (across / rng.uniform(0.35, 0.5)) ** 2 < 1
    head = (along - 0.72) ** 2 + (across - rng.uniform(-0.2, 0.2)) ** 2 < rng.uniform(0.24, 0.32) ** 2
    tail = (np.abs(across + 0.3 * (along + 0.6) ** 2) < 0.06) & (along < -0.5) & (along > -1)
    legs = [
        (np.abs(along - place) < 0.08) & (across > 0) & (across < rng.uniform(0.6, 0.8))
        for place in (-0.5, -0.25, 0.3, 0.5)
    ]
    return np.asarray(body | head | tail | np.any(legs, axis=0))


def scene(rng: np.random.Generator) -> tuple[UInt8, npt.NDArray[np.uint16]]:
    """Return an image of one to five animals and their ids: those that come later stand in front."""
    image = mottled(rng, rng.uniform(60, 190, 3), rng.uniform(20, 80), 22)
    image += mottled(rng, np.zeros(3), 6, 12)
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    places: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(1, 6))):
        diameter = float(np.exp(rng.uniform(*np.log(DIAMETERS))))
        if places and rng.random() < TOUCHING:
            row, column, other = places[int(rng.integers(len(places)))]
            angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.5) * (diameter + other)
            row, column = row + apart * np.sin(angle), column + apart * np.cos(angle)
        else:
            row, column = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        places.append((row, column, diameter))
        where = animal(rng, row, column, diameter)
        coat = mottled(rng, rng.uniform(30, 225, 3), rng.uniform(8, 50), rng.uniform(5, 30))
        shade = 1 - 0.35 * np.exp(-ndimage.distance_transform_edt(where)[where] / 4)[:, None]
        image[where] = coat[where] * shade
        ids[where] = len(places)
    image += rng.normal(0, 6, image.shape)
    for number in range(1, len(places) + 1):  # less what is left of those nearly covered
        if 0 < (ids == number).sum() < 1500:
            ids[ids == number] = 0
    return image.clip(0, 255).astype(np.uint8), ids


def write(root: Path, train: int, seed: int) -> None:
    """Write the data set in mask folders."""
    for split, count in (("train", train), ("val", VALIDATION), ("test", TEST)):
        for folder in ("images", "instances"):
            (root / split / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            image, ids = scene(np.random.default_rng((seed, len(split), index)))
            Image.fromarray(image).save(root / split / "images" / f"{index:03}.png")
            Image.fromarray(ids).save(root / split / "instances" / f"{index:03}.png")


def scored(predictor: Predictor, grouping: Grouping, data: Dataset) -> InstanceScores:
    scores = evaluate(Predictor(predictor._engine, replace(predictor.info, grouping=grouping)), data, "test")
    assert isinstance(scores, InstanceScores)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--train", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        root = folder / "data"
        if not root.is_dir():
            write(root, options.train, options.seed)
        data = pw.open_dataset(root)
        run = folder / "run"
        if not (run / "model.onnx").is_file():
            pw.train(data, out=run, task="instance", minutes=options.minutes, seed=options.seed)
        predictor = pw.load(run / "model.onnx")
        fitted = predictor.info.grouping
        assert fitted is not None
        val: list[Sample] = [data.read(item) for item in data.splits["val"]]
        bias = (0.0,) * predictor.classes.num_classes  # it is in the model file
        least_areas = (1, 32, 128, 512, 2048)
        parts = [replace(fitted, by=COMPONENTS, least_area=area) for area in least_areas]
        groupings = {
            "as fitted": fitted,
            "connected components": best_of(predictor, val, bias, parts),
            "the largest numbers for nuclei": Grouping(fitted.things, RADII[-1], least_area=LEAST_AREAS[-1]),
        }
        print("| grouping | AP50 | AP | TP/(TP+FN+FP) at 0.5 | numbers |\n|---|---|---|---|---|")
        for name, grouping in groupings.items():
            scores = scored(predictor, grouping, data)
            print(f"| {name} | {scores.ap50:.3f} | {scores.ap:.3f} | {scores.dsb['0.5']:.3f} | {grouping} |")


def best_of(predictor: Predictor, val: list[Sample], bias: tuple[float, ...], groupings: list[Grouping]) -> Grouping:
    """Return the grouping by which most objects are found on the validation images."""
    seen = list(_seen(predictor, val, np.array(bias, np.float32), groupings[0].things))
    return max(groupings, key=lambda grouping: _quality(predictor, seen, 1, grouping))


if __name__ == "__main__":
    main()
