"""What prediction is worth, beside a loop written by hand and segmentation_models.pytorch.

    python -m lab.predict RUN CAMVID [--smp PYTHON] [--only ROWS ...]

RUN is a directory that `pixelwise train` filled, CAMVID a data set with a test split, PYTHON the interpreter of an
environment with segmentation-models-pytorch. Give it all cores. ROWS are measured again; without, all that are not
there yet. Writes docs/experiments/predict.md.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lab.page import format_page, format_table
from lab.peer import SCRIPTS
from lab.predict_agreement import compare_tiles, compare_torch, share_of_same_labels
from lab.predict_bench import FAST, SAMPLE, Bench, Rows
from lab.schedule import make_environment, run_suite
from lab.store import Places, Store, make_origin, start_suite
from lab.timing import alternate
from pixelwise.core.errors import PixelwiseError
from pixelwise.core.telemetry import import_silently
from pixelwise.data import open_dataset
from pixelwise.inference.batch import predict_files
from pixelwise.inference.engine_benchmark import CANDIDATES
from pixelwise.inference.engines.registry import AUTO, HALF_ENGINE
from pixelwise.inference.evaluate import evaluate
from pixelwise.inference.jobs import plan_jobs
from pixelwise.inference.loading import load
from pixelwise.inference.predictor import Predictor
from pixelwise.model_export.onnx import export_onnx, quiet
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import Pipeline
from pixelwise.raster.image import read_image
from pixelwise.training.posthoc.quantization import export_int8
from pixelwise.training.weights import load_run, model_info

onnxruntime = import_silently("onnxruntime")

TEXT = """\
The default model after three minutes of training on CamVid. Photos have 360x480 pixels. The things that a row
compares ran in turns; figures are medians of three. `--fast` is the same net, exported without flip TTA and
test-time scales. "By hand" is a loop around onnxruntime, "at once" is several photos at the same time. The machine
was up to twice as fast in one session as in another, so compare only within a row."""
UInt8 = npt.NDArray[np.uint8]

COLD_RUNS = 15
PREDICTIONS, WARM = 1000, 50
PEER_MODELS = ("fpn", "deeplabv3plus")
PEER_ENCODER = "efficientnet_lite0"


def compare_files(bench: Bench) -> Rows:
    """Time files to palette PNGs, beside the loop that one writes around the same graph."""
    return [
        (
            f"{len(bench.photos)} photos, files to palette PNGs, {name}, against a loop around onnxruntime",
            compare_engines_with(bench, path, partial(time_loop, bench, path), "by hand"),
        )
        for name, path in bench.files.items()
    ]


def compare_engines_with(bench: Bench, path: Path, peer: Callable[[], float], name: str) -> str:
    """Return how many images a second a model file takes in each engine, beside a peer's seconds for all of them."""
    engines, count = list_engines(path), len(bench.photos)
    theirs, *ours = alternate(peer, *(partial(time_files, bench, path, engine) for engine in engines))
    each = (f"{engine} {count / s:.1f} ({theirs / s:.2f}x)" for engine, s in zip(engines, ours, strict=True))
    return f"{', '.join(each)} images/s; {count / theirs:.1f} {name}"


def list_engines(path: Path) -> list[str]:
    """Return the engines that run a model file on this machine."""
    try:
        load(path, HALF_ENGINE)
    except PixelwiseError:
        return [*CANDIDATES]
    return [*CANDIDATES, HALF_ENGINE]


def time_files(bench: Bench, path: Path, engine: str) -> float:
    """Return the seconds that opening a model file in an engine and predicting all photos take."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        jobs = plan_jobs([str(photo) for photo in bench.photos], Path(out), ("mask",))
        predict_files(load(path, engine, at_once=len(jobs)), jobs)
        return time.perf_counter() - started


def time_loop(bench: Bench, path: Path) -> float:
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


def compare_smp(bench: Bench) -> Rows:
    """Time nets of the same name on the same encoder, weights at random, beside segmentation_models.pytorch in torch,
    as its users call it."""
    if bench.smp is None:
        sys.exit("name the interpreter of an environment with segmentation-models-pytorch: --smp PYTHON")
    rows = []
    for name in PEER_MODELS:
        path = bench.folder / f"{name}.onnx"
        write_untrained(bench, name, path)
        what = f"{len(bench.photos)} photos, files to palette PNGs, {name} on {PEER_ENCODER}, against smp in torch"
        rows.append((what, compare_engines_with(bench, path, partial(time_smp, bench, name), "by smp")))
    return rows


def time_smp(bench: Bench, name: str) -> float:
    """Return the seconds that smp's net of a name takes in a process of its own, without starting up."""
    line = [str(bench.smp), str(SCRIPTS / "speed_smp.py"), name, PEER_ENCODER, *map(str, bench.photos)]
    return float(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)


def write_untrained(bench: Bench, name: str, path: Path) -> None:
    """Write a model file of a net with random weights, without flip TTA and scales."""
    _, config = load_run(bench.run)
    config = config.replace(model=name, encoder=PEER_ENCODER, width=None, options={})
    net = build(name, bench.dataset.classes.num_classes, encoder=PEER_ENCODER)
    pipeline = Pipeline(net, (0.5,) * 3, (0.5,) * 3).eval()
    export_onnx(pipeline, model_info(config, pipeline), path)


def compare_bare_engines(bench: Bench) -> Rows:
    """Time photos in memory to label maps, beside the engines alone on the graph as torch exports it."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    plain = bench.folder / "plain.onnx"
    rows = []
    for name, path in bench.files.items():
        export_plainly(load_run(bench.run, fast=name == FAST)[0], plain)
        alone, many = load(path, AUTO), load(path, AUTO, at_once=len(images))
        with ThreadPoolExecutor(many.at_once) as pool:
            times = alternate(
                partial(time_images, take_argmax(open_onnxruntime(plain)), images),
                partial(time_images, take_argmax(open_openvino(plain)), images),
                partial(time_images, alone.label_map, images),
                partial(time_images, many.label_map, images, pool.map),
            )
        ort, openvino, one, at_once = (1000 * seconds / len(images) for seconds in times)
        best = min(ort, openvino)
        text = f"{one:.1f} ms, {at_once:.1f} at once; onnxruntime {ort:.1f}, OpenVINO {openvino:.1f}: "
        text += f"{one / best:.2f}x, {at_once / best:.2f}x at once"
        rows.append((f"a photo in memory to its label map, {name}, against the better of both engines alone", text))
    return rows


def take_argmax(run: Callable[[UInt8], Any]) -> Callable[[UInt8], UInt8]:
    """Return a function from an image to its label map."""
    return lambda image: run(image)[0].argmax(axis=0).astype(np.uint8)


def time_images(
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


def open_onnxruntime(path: Path) -> Callable[[UInt8], Any]:
    """Return onnxruntime alone, from an image to its logits."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda image: session.run(["logits"], {"image": image[None]})[0]


def open_openvino(path: Path) -> Callable[[UInt8], Any]:
    """Return OpenVINO alone, from an image to its logits."""
    openvino = import_silently("openvino")
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda image: model(image[None])[0]


def compare_bfloat16(bench: Bench) -> Rows:
    """Compare OpenVINO in bfloat16 with onnxruntime, both on all photos at once: time, labels, and score."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    rows = []
    for name, path in bench.files.items():
        whole, half = (load(path, engine, at_once=len(images)) for engine in ("onnxruntime", HALF_ENGINE))
        with ThreadPoolExecutor(whole.at_once) as pool:
            slow, quick = alternate(
                partial(time_images, whole.label_map, images, pool.map),
                partial(time_images, half.label_map, images, pool.map),
            )
        same = share_of_same_labels(whole, half, images)
        before, after = (validation_miou(predictor, bench) for predictor in (whole, half))
        text = f"{slow / quick:.2f}x as fast as onnxruntime ({1000 * quick / len(images):.1f} ms a photo, at once), "
        text += f"same label on {100 * same:.2f} % of pixels; val mIoU {after:.4f}, {before:.4f} in float32"
        rows.append((f"{HALF_ENGINE}, {name}", text))
    return rows


def measure_cold_start(bench: Bench, runs: int = COLD_RUNS) -> Rows:
    """Time whole processes of `pixelwise predict` on one photo, and list what they load."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pixelwise", "predict", str(bench.run), str(bench.photos[0]), "--out", folder]
        line += ["--overwrite"]
        # As pip leaves a package: compiled.
        compiled = {name: value for name, value in make_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
        compiled["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", compiled["OMP_NUM_THREADS"])
        seconds = []
        for _ in range(1 + runs):
            started = time.perf_counter()
            subprocess.run(line, check=True, capture_output=True, env=compiled)
            seconds.append(time.perf_counter() - started)
        del seconds[0]
        traced = [line[0], "-X", "importtime", *line[1:]]
        shown = subprocess.run(traced, check=True, capture_output=True, text=True, env=compiled)
    loaded = {entry.rpartition("|")[2].strip().partition(".")[0] for entry in shown.stderr.splitlines()}
    packages = sorted(loaded & {"numpy", "PIL", "onnxruntime", "typer", "rich", "scipy", "torch", "pydantic", "yaml"})
    span = f"{min(seconds):.2f} to {max(seconds):.2f} s"
    text = f"{statistics.median(seconds):.2f} s, {span}; loads {', '.join(packages)}"
    return [("one photo, the whole process", text)]


def measure_memory(bench: Bench, predictions: int = PREDICTIONS, warm: int = WARM) -> Rows:
    """Predict images of many sizes in a process of its own, and take its memory."""
    rows = []
    for name, path in bench.files.items():
        held = run_suite("memory", [path, "--predictions", predictions, "--warm", warm])
        text = f"{held['warm']} MiB after {warm}, {held['most']} at most after: {held['most'] / held['warm'] - 1:+.1%}"
        rows.append((f"{predictions} predictions of 64 to 640 pixels a side, {name}", text))
    return rows


def compare_int8(bench: Bench) -> Rows:
    """Export in 8 bits, and compare the time of a photo and the score on all validation images, in each engine."""
    images = [read_image(photo) for photo in bench.photos[:SAMPLE]]
    rows = []
    for name, path in bench.files.items():
        small = bench.folder / "int8.onnx"
        export = export_int8(bench.run, small, fast=name == FAST)
        for engine in CANDIDATES:
            both = [load(file, engine) for file in (path, small)]
            slow, quick = alternate(*(partial(time_images, predictor.label_map, images) for predictor in both))
            before, after = (validation_miou(predictor, bench) for predictor in both)
            floats = (
                f"the first {export.float_convolutions} convolutions" if export.float_convolutions else "no convolution"
            )
            text = f"{slow / quick:.2f}x as fast, {floats} in float; val mIoU {after:.4f}, "
            text += f"{before:.4f} in float: {before - after:+.4f} lost"
            rows.append((f"8 bits against float, {name}, {engine}", text))
    return rows


def validation_miou(predictor: Predictor, bench: Bench) -> float:
    """Return the mIoU on the validation images."""
    return float(evaluate(predictor, bench.dataset, "val").to_json_dict()["miou"])


MEASUREMENTS: dict[str, Callable[[Bench], Rows]] = {
    "files": compare_files,
    "smp": compare_smp,
    "engines": compare_bare_engines,
    "int8": compare_int8,
    "half": compare_bfloat16,
    "start": measure_cold_start,
    "memory": measure_memory,
    "torch": compare_torch,
    "tiles": compare_tiles,
}


def make_page(store: Store) -> str:
    """Return the page. Entries are called as in `MEASUREMENTS`."""
    rows = [row for name in MEASUREMENTS for row in store.get(name, [])]
    return format_page("What prediction is worth", store, [TEXT, format_table(("what", "figure"), rows)])


def main(arguments: Sequence[str] | None = None, places: Places = Places()) -> None:
    """Run the suite."""
    words, parser = start_suite("predict", __doc__, arguments)
    parser.add_argument("run", type=Path)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--smp", type=Path, metavar="PYTHON")
    parser.add_argument("--only", nargs="*", choices=list(MEASUREMENTS), default=[], metavar="ROWS")
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    store, origin = Store("predict", places), make_origin("predict", words, args)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.run, open_dataset(args.camvid), Path(folder), args.smp)
        for name in args.only or [name for name in MEASUREMENTS if name not in store]:
            rows = MEASUREMENTS[name](bench)
            print(*(f"{what}: {figure}" for what, figure in rows), sep="\n", flush=True)
            store.add(name, rows, origin)
            (places.pages / "predict.md").write_text(make_page(store), encoding="utf-8")


if __name__ == "__main__":
    main()
