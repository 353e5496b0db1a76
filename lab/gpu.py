"""What a GPU reaches, in one script of at most ten minutes.

    python -m lab.gpu CAMVID OUT [--sections speed train predict] [--minutes 2 5] [--nuclei DSB2018] [--device cuda]

Sections, in the order in which they are named:

    speed       images/s of steps: pixelwise's loop and feed beside a plain loop of torch, with one net, batch and crop
    train       test mIoU after each of `--minutes`, the share of the end (export, calibration, report), utilisation
    classics    test mIoU of fcn8s, segnet and unet at full width and resolution, `--classic-minutes` each
    nuclei      AP of instances on `--nuclei` after `--classic-minutes`
    predict     images/s at the data's size in each engine beside eager torch, and Mpx/s of a scan in tiles

A section that no longer fits into `--limit` seconds is left out, and named. Every finished section is written at once
to OUT/gpu.json and, as tables, OUT/gpu.md, so that what was measured before a failure stays.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lab.page import format_table
from pixelwise.api import evaluate
from pixelwise.core.device import Device
from pixelwise.core.errors import PixelwiseError
from pixelwise.data import open_dataset
from pixelwise.data.dataset import Dataset
from pixelwise.inference.loading import load, model_path
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import Pipeline
from pixelwise.tiling.stitch import stitch_blocks
from pixelwise.torch_runtime.devices import device_name, find_device
from pixelwise.torch_runtime.engine import TorchFileEngine
from pixelwise.torch_runtime.speed import synchronize
from pixelwise.training.config import RunConfig
from pixelwise.training.distributed import join_processes, train_on
from pixelwise.training.loop import Trainer
from pixelwise.training.on_device.batches import DeviceFeed
from pixelwise.training.planning import defaults
from pixelwise.training.recipe import Recipe
from pixelwise.training.run import train
from pixelwise.training.samples import SampleStore

SECTIONS = ("speed", "train", "classics", "nuclei", "predict")
CLASSICS: dict[str, dict[str, Any]] = {"fcn8s": {"pretrained": False}, "segnet": {}, "unet": {}}
"""The options of each: weights of ImageNet need a network."""
POLL_SECONDS = 0.25
Figures = dict[str, Any]
"""What a row of the table says."""


@dataclass(frozen=True)
class Bench:
    """What is measured, and how much of it."""

    dataset: Dataset
    out: Path
    device: Device
    minutes: tuple[float, ...] = (2.0, 5.0)
    classic_minutes: float = 1.0
    nuclei: Path | None = None
    steps: int = 60
    crop: tuple[int, int] = (352, 480)
    batch: int = 16
    encoder: str = "efficientnet_lite1"
    width: float = 1.0
    scan: tuple[int, int] = (8192, 8192)
    predictions: int = 60
    options: dict[str, Any] = field(default_factory=dict)
    """Further keywords of `train`."""

    @property
    def torch_device(self) -> torch.device:
        return find_device(self.device)


class Utilisation:
    """Asks nvidia-smi how busy the GPU is, meanwhile; `percent` is `None` without it."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._ended = threading.Event()

    @property
    def percent(self) -> float | None:
        return float(np.mean(self._values)) if self._values else None

    @contextlib.contextmanager
    def watch(self) -> Iterator[Utilisation]:
        thread = threading.Thread(target=self._poll, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _poll(self) -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
            while not self._ended.wait(POLL_SECONDS):
                answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
                self._values.append(float(answer.splitlines()[0]))


def measure_speed(bench: Bench) -> list[Figures]:
    """Return the images/s of steps of both loops, and how busy the GPU was."""
    store = SampleStore(bench.dataset, bench.dataset.splits["train"])
    loops: dict[str, Callable[[int], None]] = {
        "plain loop": plain_loop(bench, store),
        "pixelwise": own_loop(bench, store),
    }
    rows = []
    for name, run in loops.items():
        run(max(1, bench.steps // 4))  # which tries convolutions, and fills what is cached
        synchronize(bench.torch_device)
        started = time.perf_counter()
        with Utilisation().watch() as busy:
            run(bench.steps)
            synchronize(bench.torch_device)
        seconds = time.perf_counter() - started
        rows.append({"loop": name, "images_s": bench.steps * bench.batch / seconds, "busy_percent": busy.percent})
    return rows


def _pipeline(bench: Bench) -> Pipeline:
    classes = bench.dataset.classes.num_classes
    model = build("fpn", classes, encoder=bench.encoder, width=bench.width, pretrained=False)
    return Pipeline(model, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def plain_loop(bench: Bench, store: SampleStore) -> Callable[[int], None]:
    """Return a loop as one writes it in torch: images on the GPU in one size, crops and flips by slices, bfloat16."""
    device, (height, width) = bench.torch_device, bench.crop
    samples = [store[index] for index in range(len(store))]
    rows, columns = (min(sample.label_map.shape[side] for sample in samples) for side in (0, 1))
    images = torch.from_numpy(np.stack([sample.image[:rows, :columns] for sample in samples])).to(device)
    labels = torch.from_numpy(np.stack([sample.label_map[:rows, :columns] for sample in samples])).to(device)
    net = _pipeline(bench).to(device).to(memory_format=torch.channels_last).train()
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)  # type: ignore[no-untyped-call]
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    rng = np.random.default_rng(0)
    loss_of = nn.CrossEntropyLoss(ignore_index=255)

    def run(steps: int) -> None:
        for _ in range(steps):
            chosen = torch.from_numpy(rng.integers(0, len(samples), bench.batch)).to(device)
            top, left = (
                int(rng.integers(0, max(1, full - side + 1))) for full, side in ((rows, height), (columns, width))
            )
            place = (chosen, slice(top, top + height), slice(left, left + width))
            image, label = images[place], labels[place].long()
            if rng.random() < 0.5:
                image, label = image.flip(2), label.flip(2)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                logits = net(image)
            loss_of(logits.float(), label).backward()
            optimizer.step()
            optimizer.zero_grad()
            averaged.update_parameters(net)

    return run


def own_loop(bench: Bench, store: SampleStore) -> Callable[[int], None]:
    """Return pixelwise's own loop, with its augmentation, on the same net, batch and crop."""
    recipe: Recipe = defaults.RECIPE.replace(
        crop=bench.crop,
        batch=bench.batch,
        steps=10**6,
        frozen_stride=0,
        loss_step=1,
        encoder_factor=1.0,
        learning_rate=1e-3,
        ema_decay=0.99,
        class_weights=(1.0,) * bench.dataset.classes.num_classes,
    )
    trainer = Trainer(_pipeline(bench), recipe, 0)
    trainer.start()
    batches = DeviceFeed(store, join_processes().device).batches(recipe, 0, 0)

    def run(steps: int) -> None:
        for _ in range(steps):
            trainer.take_step(next(batches))

    return run


def _train_once(bench: Bench, name: str, data: Dataset, minutes: float, **options: Any) -> Figures:
    """Return the scores of one training on its test images, else its validation images, and where its time went."""
    started = time.perf_counter()
    with Utilisation().watch() as busy:
        options = {"overwrite": True, "quiet": True, "device": str(bench.device), **bench.options, **options}
        run = train(data, out=bench.out / name, minutes=minutes, **options)
    seconds = time.perf_counter() - started
    history = (run.path / "history.csv").read_text(encoding="utf-8").splitlines()
    column = history[0].split(",").index("seconds")
    recipe = RunConfig.load(run.path / "config.yaml").recipe
    in_steps = float(history[-1].split(",")[column])
    return {
        "run": name,
        "minutes": minutes,
        run.measure: run.score,
        "wall_s": seconds,
        "steps_s": in_steps,
        "other_share": 1 - in_steps / seconds,
        "images_s": recipe.steps * recipe.batch / in_steps,
        "batch": recipe.batch,
        "crop": "x".join(map(str, recipe.crop)),
        "busy_percent": busy.percent,
    }


def measure_training(bench: Bench) -> list[Figures]:
    return [_train_once(bench, f"fpn-{minutes:g}", bench.dataset, minutes) for minutes in bench.minutes]


def measure_classics(bench: Bench) -> list[Figures]:
    return [
        _train_once(
            bench, name, bench.dataset, bench.classic_minutes, model=name, pretrained=None if name != "fcn8s" else False
        )
        for name in CLASSICS
    ]


def measure_nuclei(bench: Bench) -> list[Figures]:
    if bench.nuclei is None:
        return []
    data = open_dataset(bench.nuclei)
    row = _train_once(bench, "nuclei", data, bench.classic_minutes, task="instance", rotate=True)
    scores = evaluate(load(bench.out / "nuclei"), data, "test" if data.splits.get("test") else "val").to_json_dict()
    return [row | {f"dsb_{key}": value for key, value in scores["dsb"].items()}]


def measure_prediction(bench: Bench) -> list[Figures]:
    """Return images/s and Mpx/s of each engine that runs a trained model on the device, beside eager torch."""
    runs = sorted(bench.out.glob("*/model.onnx"))
    if not runs:
        _train_once(bench, "to-predict", bench.dataset, min(bench.minutes) / 4)
        runs = sorted(bench.out.glob("*/model.onnx"))
    file = model_path(runs[0])
    items = [item for split in ("test", "val", "train") for item in bench.dataset.splits.get(split, ())]
    images = [bench.dataset.read(item).image for item in items[: bench.predictions]]
    scan = np.resize(images[0], (*bench.scan, 3))
    rows = [_eager_row(bench, file, images)]
    for engine in ("onnxruntime", "torch", "onnxruntime-tensorrt"):
        try:
            predictor = load(file, engine, device=str(bench.device))
        except PixelwiseError as error:
            rows.append({"engine": engine, "missing": error.found})
            continue
        predictor.label_map(images[0])
        started = time.perf_counter()
        for image in images:
            predictor.label_map(image)
        each = time.perf_counter() - started
        started = time.perf_counter()
        predictor.label_map(scan)
        seconds = time.perf_counter() - started
        rows.append({"engine": engine, "images_s": len(images) / each, "mpx_s": scan[..., 0].size / seconds / 1e6})
    return rows


def _eager_row(bench: Bench, file: Path, images: Sequence[np.ndarray]) -> Figures:
    """Return the speed of the same graph in torch in float32, an image at a time, logits brought back."""
    engine = TorchFileEngine(file, bench.device, half=False)
    engine.label_blocks = None
    for block in stitch_blocks(engine, images[0], load(file).tiling):
        block.logits.argmax(0)
    started = time.perf_counter()
    for image in images:
        engine(image[None])[0].argmax(0)
    return {"engine": "eager torch, float32", "images_s": len(images) / (time.perf_counter() - started)}


MEASURES: dict[str, Callable[[Bench], list[Figures]]] = {
    "speed": measure_speed,
    "train": measure_training,
    "classics": measure_classics,
    "nuclei": measure_nuclei,
    "predict": measure_prediction,
}


def expected_seconds(section: str, bench: Bench) -> float:
    """Return about how long a section takes."""
    return {
        "speed": 40.0,
        "train": 60 * sum(bench.minutes) + 5,
        "classics": len(CLASSICS) * (60 * bench.classic_minutes + 5),
        "nuclei": 0.0 if bench.nuclei is None else 60 * bench.classic_minutes + 15,
        "predict": 60.0,
    }[section]


def run_sections(bench: Bench, sections: Sequence[str], limit: float) -> dict[str, Any]:
    """Measure section by section, write each to `bench.out`, and return all figures."""
    started = time.perf_counter()
    bench.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"device": device_name(bench.torch_device), "torch": torch.__version__, "left_out": []}
    for section in sections:
        spent = time.perf_counter() - started
        if spent + expected_seconds(section, bench) > limit:
            figures["left_out"].append(section)
        else:
            with train_on(bench.device):
                figures[section] = MEASURES[section](bench)
        (bench.out / "gpu.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        (bench.out / "gpu.md").write_text(format_figures(figures), encoding="utf-8")
    return figures


def format_figures(figures: dict[str, Any]) -> str:
    """Return the figures as tables in Markdown."""
    parts = [f"{figures['device']}, torch {figures['torch']}"]
    for section in SECTIONS:
        if rows := figures.get(section):
            columns = list(dict.fromkeys(name for row in rows for name in row))
            cells = [tuple(_cell(row.get(name)) for name in columns) for row in rows]
            parts.append(f"## {section}\n\n{format_table(tuple(columns), cells)}")
    if figures["left_out"]:
        parts.append(f"Left out for want of time: {', '.join(figures['left_out'])}")
    return "\n\n".join(parts) + "\n"


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=["speed", "train", "predict"])
    parser.add_argument("--minutes", nargs="+", type=float, default=[2.0, 5.0])
    parser.add_argument("--classic-minutes", type=float, default=1.0)
    parser.add_argument("--nuclei", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--limit", type=float, default=580.0)
    args = parser.parse_args(arguments)
    bench = Bench(
        open_dataset(args.camvid),
        args.out,
        Device.parse(args.device),
        tuple(args.minutes),
        args.classic_minutes,
        args.nuclei,
    )
    print(format_figures(run_sections(bench, args.sections, args.limit)))


if __name__ == "__main__":
    main()
