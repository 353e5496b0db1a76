"""Objects in large images: what grouping takes, and whether tiles change them.

    python benchmarks/objects.py [RUN DATA]

Groups perfect logits of 4096x4096 pixels with 20,000 objects, most of which touch, in a process of its own, for its
time and peak memory. With RUN, an instance model, and DATA, a mosaic of 2048x2048 of the test images is predicted in
tiles of 768 and whole: how many objects of either are in the other at an IoU of 0.9 or more.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

import pixelwise as pw
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.fields import Fields
from pixelwise.instances.grouping import grouped
from pixelwise.instances.grouping_parameters import Grouping
from pixelwise.instances.objects import Objects
from pixelwise.instances.overlap import overlaps
from pixelwise.instances.targets import centre_targets

SIDE, OBJECTS, CELL, RADIUS = 4096, 20_000, 28, 15
MOSAIC, TILE, OVERLAP = 2048, 768, 256


def perfect_logits() -> np.ndarray:
    """Return float32 (5, 4096, 4096): discs around shaken points of a grid, where they meet halved between them."""
    rng, cells = np.random.default_rng(0), SIDE // CELL
    chosen = rng.permutation(cells * cells)[:OBJECTS]
    rows, columns = (CELL * place + CELL // 2 + rng.integers(-4, 5, OBJECTS) for place in divmod(chosen, cells))
    seeds = np.zeros((SIDE, SIDE), np.int32)
    seeds[rows, columns] = np.arange(1, OBJECTS + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    instance_map = np.where(distance < RADIUS, seeds[tuple(nearest)], 0)
    logits = np.empty((5, SIDE, SIDE), np.float32)
    logits[0], logits[1] = 4.0 * (instance_map == 0), 4.0 * (instance_map > 0)
    logits[2], logits[3:] = centre_targets(instance_map)
    return logits


def group(path: Path) -> None:
    """Print the seconds that grouping takes, the objects, and the process's peak memory in GB."""
    logits = np.load(path)
    started = time.perf_counter()
    fields = Fields.of(logits, (1,))
    del logits
    found = len(grouped(fields, Grouping((1,))))
    seconds = time.perf_counter() - started
    print(f"{seconds:.2f} {found} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f}")


def tiles_against_whole(run: Path, data: Path) -> tuple[int, int, int]:
    """Return the objects found in tiles, those found whole, and how many of them are the same."""
    dataset, predictor = pw.open_dataset(data), pw.load(run)
    mosaic, filled = np.zeros((MOSAIC, MOSAIC, 3), np.uint8), 0
    images = [image for image in (dataset.read(i).image for i in dataset.splits["test"]) if min(image.shape[:2]) >= 256]
    for row in range(0, MOSAIC, 256):
        for column in range(0, MOSAIC, 256):
            mosaic[row : row + 256, column : column + 256] = images[filled % len(images)][:256, :256]
            filled += 1
    stride = predictor.info.stride

    def found(tile: int, overlap: int) -> Objects:
        info = replace(predictor.info, tile=-(-tile // stride) * stride, overlap=overlap)
        return Predictor(predictor._engine, info).label_map_and_objects(mosaic)[1]

    tiled, whole = found(TILE, OVERLAP), found(MOSAIC, 0)
    same = overlaps(tiled, whole).iou() >= 0.9
    return len(tiled), len(whole), int(same.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--group", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.group:
        group(args.group)
        return
    path = Path("perfect-logits.npy")
    try:
        np.save(path, perfect_logits())
        line = [sys.executable, __file__, "--group", str(path)]
        seconds, found, memory = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    finally:
        path.unlink(missing_ok=True)
    print(f"grouping {SIDE}x{SIDE}: {int(found):,} of {OBJECTS:,} objects in {seconds} s, peak memory {memory} GB")
    if args.run and args.data:
        tiled, whole, same = tiles_against_whole(args.run, args.data)
        shares = f"{same / tiled:.2%} of those in tiles, {same / whole:.2%} of those whole"
        print(f"tiles of {TILE} against {MOSAIC} whole: {tiled:,} and {whole:,} objects; the same at IoU 0.9: {shares}")


if __name__ == "__main__":
    main()
