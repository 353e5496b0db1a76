"""What prediction is worth, beside a loop written by hand and segmentation_models.pytorch.

    python benchmarks/predict.py RUN CAMVID [--smp PYTHON] [--only ROWS ...]

RUN is a directory that `pixelwise train` filled, CAMVID a data set with a test split, PYTHON the interpreter of an
environment with segmentation-models-pytorch. Give it all cores. What was measured is gathered in docs/predict.json,
from which docs/predict.md is written; ROWS are measured again, all that are not there yet without.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lab.schedule import gathered
from pixelwise.core.errors import PixelwiseError
from pixelwise.core.telemetry import import_silently
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.inference.batch import predict_files
from pixelwise.inference.engine_benchmark import processor_name
from pixelwise.inference.engines.onnxruntime import available_cores
from pixelwise.inference.engines.registry import ENGINES, HALF_ENGINE
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import AUTO, load
from pixelwise.inference.predictor import Predictor
from pixelwise.model_export.onnx import export_onnx, quiet
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import Pipeline
from pixelwise.raster.image import read_image
from pixelwise.training.finish import export_run
from pixelwise.training.posthoc.quantization import export_int8
from pixelwise.training.torch_engine import TorchEngine
from pixelwise.training.weights import load_run, model_info

onnxruntime = import_silently("onnxruntime")

TEXT = f"""# What prediction is worth

Written by `benchmarks/predict.py`, on {available_cores()} cores ({processor_name()}), for the default model as three
minutes of training on CamVid leave it. Photos have 360x480 pixels. What is compared took turns; figures are medians of
three.
`--fast` is the same net, exported to see an image once, as large as it is. The machine was up to twice as fast at one
time as at another: compare within a row.
"""
UInt8 = npt.NDArray[np.uint8]
Found = list[tuple[str, str]]
"""What was measured, and the figure."""

GATHERED = Path(__file__).parent.parent / "docs" / "predict.json"
ROUNDS = 3
SAMPLE = 30
"""So many photos stand for all where a difference shows in a few."""
COLD_RUNS = 15
LARGE = (2048, 3072)
PREDICTIONS, WARM = 1000, 50
FAST = "--fast"
PEER, MEMORY = (Path(__file__).with_name(name) for name in ("peer_predict.py", "memory.py"))
PEER_MODELS = ("fpn", "deeplabv3plus")
PEER_ENCODER = "efficientnet_lite0"


@dataclass(frozen=True)
class Bench:
    """What is measured: the model files of a run, in `folder`, with the photos of a test split."""

    run: Path
    dataset: Dataset
    folder: Path
    smp: Path | None

    @cached_property
    def photos(self) -> list[Path]:
        return [item.image for item in self.dataset.splits["test"]]

    @cached_property
    def model(self) -> Path:
        return self.run / "model.onnx"

    @cached_property
    def fast(self) -> Path:
        """The run's model as it sees an image once."""
        path = self.folder / "fast.onnx"
        export_run(self.run, path, fast=True)
        return path

    @property
    def files(self) -> dict[str, Path]:
        return {"model.onnx": self.model, FAST: self.fast}


def end_to_end(bench: Bench) -> Found:
    """Time files to palette PNGs, beside the loop that one writes around the same graph."""
    return [
        (
            f"{len(bench.photos)} photos, files to palette PNGs, {name}, against a loop around onnxruntime",
            by_engine(bench, path, partial(loop, bench, path), "by hand"),
        )
        for name, path in bench.files.items()
    ]


def by_engine(bench: Bench, path: Path, peer: Callable[[], float], name: str) -> str:
    """Return how many images a second a model file takes in each engine, beside a peer's seconds for all of them."""
    names, count = usable(path), len(bench.photos)
    theirs, *own = alternating(peer, *(partial(predict_all, bench, path, engine) for engine in names))
    each = (f"{engine} {count / s:.1f} ({theirs / s:.2f}x)" for engine, s in zip(names, own, strict=True))
    return f"{', '.join(each)} images/s; {count / theirs:.1f} {name}"


def usable(path: Path) -> list[str]:
    """Return the engines that run a model file on this machine."""
    try:
        load(path, HALF_ENGINE)
    except PixelwiseError:
        return [*ENGINES]
    return [*ENGINES, HALF_ENGINE]


def predict_all(bench: Bench, path: Path, engine: str) -> float:
    """Return the seconds that opening a model file in an engine and predicting all photos take."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        jobs = plan_jobs([str(photo) for photo in bench.photos], Path(out), ("mask",))
        predict_files(load(path, engine, at_once=len(jobs)), jobs)
        return time.perf_counter() - started


def loop(bench: Bench, path: Path) -> float:
    """Return the seconds of the same by hand: decode, run, arg-max and save, one after the other."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        palette = bench.dataset.classes.palette().tobytes()
        for photo in bench.photos:
            image = np.asarray(Image.open(photo).convert("RGB"))
            (logits,) = session.run(["logits"], {"image": image[None]})
            mask = Image.fromarray(logits[0].argmax(axis=0).astype(np.uint8))
            mask.putpalette(palette)
            mask.save(Path(out, f"{photo.stem}.png"))
        return time.perf_counter() - started


def against_smp(bench: Bench) -> Found:
    """Time nets of the same name on the same encoder, weights at random, beside segmentation_models.pytorch in torch,
    as its users call it."""
    if bench.smp is None:
        sys.exit("name the interpreter of an environment with segmentation-models-pytorch: --smp PYTHON")
    found = []
    for name in PEER_MODELS:
        path = bench.folder / f"{name}.onnx"
        untrained(bench, name, path)
        what = f"{len(bench.photos)} photos, files to palette PNGs, {name} on {PEER_ENCODER}, against smp in torch"
        found.append((what, by_engine(bench, path, partial(smp, bench, name), "by smp")))
    return found


def smp(bench: Bench, name: str) -> float:
    """Return the seconds that smp's net of a name takes in a process of its own, without starting up."""
    line = [str(bench.smp), str(PEER), name, PEER_ENCODER, *map(str, bench.photos)]
    return float(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)


def untrained(bench: Bench, name: str, path: Path) -> None:
    """Write a model file whose net sees an image once, as large as it is."""
    _, config = load_run(bench.run)
    config = config.model_copy(update={"model": name, "encoder": PEER_ENCODER, "width": None, "options": {}})
    net = build(name, bench.dataset.classes.num_classes, encoder=PEER_ENCODER)
    pipeline = Pipeline(net, (0.5,) * 3, (0.5,) * 3).eval()
    export_onnx(pipeline, model_info(config, pipeline), path)


def engines(bench: Bench) -> Found:
    """Time photos in memory to label maps, beside the engines alone on the graph as torch exports it."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    plain = bench.folder / "plain.onnx"
    found = []
    for name, path in bench.files.items():
        export_plainly(load_run(bench.run, fast=name == FAST)[0], plain)
        alone, many = load(path, AUTO), load(path, AUTO, at_once=len(images))
        with ThreadPoolExecutor(many.at_once) as pool:
            times = alternating(
                partial(seconds_of, labelled_by(bare_onnxruntime(plain)), images),
                partial(seconds_of, labelled_by(bare_openvino(plain)), images),
                partial(seconds_of, alone.label_map, images),
                partial(seconds_of, many.label_map, images, pool.map),
            )
        ort, openvino, one, at_once = (1000 * own / len(images) for own in times)
        best = min(ort, openvino)
        text = f"{one:.1f} ms, {at_once:.1f} at once; onnxruntime {ort:.1f}, OpenVINO {openvino:.1f}: "
        text += f"{one / best:.2f}x, {at_once / best:.2f}x at once"
        found.append((f"a photo in memory to its label map, {name}, against the better of both engines alone", text))
    return found


def labelled_by(run: Callable[[UInt8], Any]) -> Callable[[UInt8], UInt8]:
    return lambda image: run(image)[0].argmax(axis=0).astype(np.uint8)


def seconds_of(
    call: Callable[[UInt8], UInt8], images: list[UInt8], mapped: Callable[..., Iterable[UInt8]] = map
) -> float:
    """Return the seconds that a call takes for all images."""
    started = time.perf_counter()
    for _ in mapped(call, images):
        pass
    return time.perf_counter() - started


def export_plainly(pipeline: Pipeline, path: Path) -> None:
    """Write the graph as torch exports it, batch norms and all."""
    dimension = torch.export.Dim
    shape = {1: dimension("height", min=1), 2: dimension("width", min=1)}
    example = torch.zeros(1, 96, 128, 3, dtype=torch.uint8)
    with quiet(), torch.no_grad():
        torch.onnx.export(
            pipeline, (example,), path, input_names=["image"], output_names=["logits"], dynamic_shapes=(shape,),
            dynamo=True, verbose=False, external_data=False,
        )  # fmt: skip


def bare_onnxruntime(path: Path) -> Callable[[UInt8], Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda image: session.run(["logits"], {"image": image[None]})[0]


def bare_openvino(path: Path) -> Callable[[UInt8], Any]:
    openvino = import_silently("openvino")

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda image: compiled(image[None])[0]


def in_bfloat16(bench: Bench) -> Found:
    """Compare OpenVINO in bfloat16 with onnxruntime, both on all photos at once: time, labels, and score."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    found = []
    for name, path in bench.files.items():
        whole, half = (load(path, engine, at_once=len(images)) for engine in ("onnxruntime", HALF_ENGINE))
        with ThreadPoolExecutor(whole.at_once) as pool:
            slow, quick = alternating(
                partial(seconds_of, whole.label_map, images, pool.map),
                partial(seconds_of, half.label_map, images, pool.map),
            )
        same = np.mean([(whole.label_map(image) == half.label_map(image)).mean() for image in images])
        before, after = (evaluate(own, bench.dataset, "val").to_json_dict()["miou"] for own in (whole, half))
        text = f"{slow / quick:.2f}x as fast as onnxruntime ({1000 * quick / len(images):.1f} ms a photo, at once), "
        text += f"same label on {100 * same:.2f} % of pixels; val mIoU {after:.4f}, {before:.4f} in float32"
        found.append((f"{HALF_ENGINE}, {name}", text))
    return found


def cold_start(bench: Bench) -> Found:
    """Time whole processes of `pixelwise predict` on one photo, and list what they load."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pixelwise", "predict", str(bench.run), str(bench.photos[0]), "--out", folder]
        line += ["--overwrite"]
        # As pip leaves a package: compiled.
        compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        seconds = []
        for _ in range(1 + COLD_RUNS):
            started = time.perf_counter()
            subprocess.run(line, check=True, capture_output=True, env=compiled)
            seconds.append(time.perf_counter() - started)
        del seconds[0]
        shown = subprocess.run([line[0], "-X", "importtime", *line[1:]], check=True, capture_output=True, text=True)
    loaded = {entry.rpartition("|")[2].strip().partition(".")[0] for entry in shown.stderr.splitlines()}
    packages = sorted(loaded & {"numpy", "PIL", "onnxruntime", "typer", "rich", "scipy", "torch", "pydantic", "yaml"})
    text = f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}); loads {', '.join(packages)}"
    return [("one photo, the whole process", text)]


def memory(bench: Bench) -> Found:
    """Predict images of many sizes in a process of its own, and see what it holds."""
    found = []
    for name, path in bench.files.items():
        line = [sys.executable, str(MEMORY), str(path), "--predictions", str(PREDICTIONS), "--warm", str(WARM)]
        warm, most = map(int, subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout.split())
        text = f"{warm} MiB after {WARM}, {most} at most after: {most / warm - 1:+.1%}"
        found.append((f"{PREDICTIONS} predictions of 64 to 640 pixels a side, {name}", text))
    return found


def in_8_bits(bench: Bench) -> Found:
    """Export in 8 bits, and compare the time of a photo and the score on all validation images, in each engine."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    found = []
    for name, path in bench.files.items():
        small = bench.folder / "int8.onnx"
        told = export_int8(bench.run, small, fast=name == FAST)
        for engine in ENGINES:
            both = [load(own, engine) for own in (path, small)]
            slow, quick = alternating(*(partial(seconds_of, own.label_map, images) for own in both))
            before, after = (evaluate(own, bench.dataset, "val").to_json_dict()["miou"] for own in both)
            kept = f"the first {told.kept} convolutions" if told.kept else "no convolution"
            text = f"{slow / quick:.2f}x as fast, {kept} in float; val mIoU {after:.4f}, "
            text += f"{before:.4f} in float: {before - after:+.4f} lost"
            found.append((f"8 bits against float, {name}, {engine}", text))
    return found


def against_torch(bench: Bench) -> Found:
    """Compare the labels of onnxruntime with those of torch on every photo."""
    predictor = load(bench.model)
    other = Predictor(TorchEngine(load_run(bench.run)[0]), predictor.info)
    images = [read_image(photo) for photo in bench.photos[:: len(bench.photos) // SAMPLE]]
    same = np.mean([(predictor.label_map(image) == other.label_map(image)).mean() for image in images])
    return [(f"onnxruntime against torch, {len(images)} photos", f"same label on {100 * same:.4f} % of pixels")]


def tiled(bench: Bench) -> Found:
    """Compare the labels of blended tiles with those of one pass over a whole image."""
    predictor = load(bench.model)
    side = -(-max(LARGE) // predictor.info.stride) * predictor.info.stride
    whole = Predictor(predictor._engine, replace(predictor.info, tile=side))
    found = []
    for name, image in {"a photo enlarged": enlarged(bench.photos[0]), "photos side by side": mosaic(bench)}.items():
        same = (predictor.label_map(image) == whole.label_map(image)).mean()
        title = f"tiles of {predictor.info.tile} against whole, {name}, {LARGE[0]}x{LARGE[1]}"
        found.append((title, f"same label on {100 * same:.3f} % of pixels"))
    return found


def mosaic(bench: Bench) -> UInt8:
    """Return photos side by side and one above the other, cut to `LARGE`."""
    images = [read_image(photo) for photo in bench.photos[::5]]
    height, width = images[0].shape[:2]
    columns, rows = -(-LARGE[1] // width), -(-LARGE[0] // height)
    grid = [[images[(r * columns + c) % len(images)] for c in range(columns)] for r in range(rows)]
    return np.vstack([np.hstack(row) for row in grid])[: LARGE[0], : LARGE[1]]


def enlarged(photo: Path) -> UInt8:
    """Return a photo at `LARGE`."""
    return np.asarray(Image.fromarray(read_image(photo)).resize(LARGE[::-1], Image.Resampling.BICUBIC))


def alternating(*calls: Callable[[], float]) -> list[float]:
    """Return the median seconds of each call, which take turns: the machine's moods fall on all."""
    rounds = [[call() for call in calls] for _ in range(ROUNDS)]
    return [statistics.median(own) for own in zip(*rounds, strict=True)]


MEASURED: dict[str, Callable[[Bench], Found]] = {
    "files": end_to_end,
    "smp": against_smp,
    "engines": engines,
    "int8": in_8_bits,
    "half": in_bfloat16,
    "start": cold_start,
    "memory": memory,
    "torch": against_torch,
    "tiles": tiled,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--smp", type=Path, metavar="PYTHON")
    parser.add_argument("--only", nargs="*", choices=list(MEASURED), default=[], metavar="ROWS")
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    known = gathered(GATHERED)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.run, open_dataset(args.camvid), Path(folder), args.smp)
        for name in args.only or [name for name in MEASURED if name not in known]:
            known[name] = MEASURED[name](bench)
            print(*(f"{what}: {figure}" for what, figure in known[name]), sep="\n", flush=True)
            GATHERED.write_text(json.dumps(known, indent=1) + "\n")
            GATHERED.with_suffix(".md").write_text(page(known))


def page(known: dict[str, Found]) -> str:
    rows = [f"| {what} | {figure} |" for name in MEASURED for what, figure in known.get(name, [])]
    return "\n".join([TEXT, "| what | found |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    main()
