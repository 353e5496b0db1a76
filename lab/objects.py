"""Objects in large images: what grouping takes, and whether tiles change them.

    python -m lab.objects [RUN DATA] [--side 4096] [--objects 20000]

Groups perfect logits of so many pixels a side and so many objects, most of which touch, in a process of its own, for
its time and peak memory. With RUN, an instance model, and DATA, a mosaic of 2048x2048 of the test images is predicted
in tiles of 768 and whole: how many objects of either are in the other at an IoU of 0.9 or more. Prints a line each.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lab.schedule import run_suite
from pixelwise.data import open_dataset
from pixelwise.inference.engines.registry import open_engine
from pixelwise.inference.loading import load, model_path
from pixelwise.inference.predictor import Predictor
from pixelwise.instances.fields import CentreOffsetMaps
from pixelwise.instances.grouping import group_pixels
from pixelwise.instances.grouping_parameters import GroupingParameters
from pixelwise.instances.objects import Objects
from pixelwise.instances.overlap import count_overlaps
from pixelwise.instances.targets import centre_targets

CELL, RADIUS = 28, 15
MOSAIC, TILE, OVERLAP, PATCH = 2048, 768, 256, 256
SAME = 0.9


def draw_perfect_logits(side: int, objects: int) -> npt.NDArray[np.float32]:
    """Return float32 (5, side, side): discs around jittered points of a grid, halved between two that meet."""
    rng, cells = np.random.default_rng(0), side // CELL
    chosen = rng.permutation(cells * cells)[:objects]
    rows, columns = (CELL * place + CELL // 2 + rng.integers(-4, 5, objects) for place in np.divmod(chosen, cells))
    seeds = np.zeros((side, side), np.int32)
    seeds[rows, columns] = np.arange(1, objects + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    instance_map = np.where(distance < RADIUS, seeds[tuple(nearest)], 0)
    logits = np.empty((5, side, side), np.float32)
    logits[0], logits[1] = 4.0 * (instance_map == 0), 4.0 * (instance_map > 0)
    logits[2], logits[3:] = centre_targets(instance_map)
    return logits


def measure_grouping(path: Path) -> dict[str, float]:
    """Return the seconds that grouping takes, the objects, and the process's peak memory in GB."""
    logits = np.load(path)
    started = time.perf_counter()
    fields = CentreOffsetMaps.from_logits(logits, (1,))
    del logits
    objects = len(group_pixels(fields, GroupingParameters((1,))))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "objects": objects, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def compare_tiles(run: Path, data: Path, mosaic_side: int = MOSAIC, tile: int = TILE) -> tuple[int, int, int]:
    """Return the objects predicted in tiles, those predicted whole, and how many of them are the same."""
    dataset, info = open_dataset(data), load(run).info
    images = [dataset.read(item).image for item in dataset.splits["test"]]
    large = [image for image in images if min(image.shape[:2]) >= PATCH]
    mosaic = np.zeros((mosaic_side, mosaic_side, 3), np.uint8)
    places = [(row, column) for row in range(0, mosaic_side, PATCH) for column in range(0, mosaic_side, PATCH)]
    for number, (row, column) in enumerate(places):
        mosaic[row : row + PATCH, column : column + PATCH] = large[number % len(large)][:PATCH, :PATCH]

    def predict(side: int, overlap: int) -> Objects:
        tiles = replace(info, tile=-(-side // info.stride) * info.stride, overlap=overlap)
        return Predictor(open_engine(model_path(run), "onnxruntime"), tiles).predict(mosaic).require_objects()

    tiled, whole = predict(tile, OVERLAP), predict(mosaic_side, 0)
    return len(tiled), len(whole), int((count_overlaps(tiled, whole).iou() >= SAME).sum())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suite."""
    parser = argparse.ArgumentParser(prog="python -m lab.objects", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--group", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.group:
        print(json.dumps(measure_grouping(args.group)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "perfect-logits.npy")
        np.save(path, draw_perfect_logits(args.side, args.objects))
        figures: dict[str, Any] = run_suite("objects", ["--group", path])
    print(
        f"grouping {args.side}x{args.side}: {figures['objects']:,} of {args.objects:,} objects in "
        f"{figures['seconds']:.2f} s, peak memory {figures['peak_gb']:.2f} GB"
    )
    if args.run and args.data:
        tiled, whole, same = compare_tiles(args.run, args.data)
        shares = f"{same / tiled:.2%} of those in tiles, {same / whole:.2%} of those whole"
        print(f"tiles of {TILE} against {MOSAIC} whole: {tiled:,} and {whole:,} objects; the same at IoU 0.9: {shares}")


if __name__ == "__main__":
    main()
