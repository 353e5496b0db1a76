"""Time one training step of the default model at 256x320, say where it goes, and what each shortcut saves.

    python benchmarks/step.py

Each way runs in a process of its own, in turns; milliseconds are an image's, the batch's preparation included. Writes
docs/step.md. Needs no data; the compiled step needs a C++ compiler.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, run
from sys import executable
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from pixelwise.data.dataset import Sample
from pixelwise.inference.engine_benchmark import processor_name
from pixelwise.nn.models import build
from pixelwise.nn.pipeline import IMAGENET_MEAN, IMAGENET_STD, Pipeline
from pixelwise.training import distributed, loop
from pixelwise.training.loop import Trainer
from pixelwise.training.memory import keep_freed_memory
from pixelwise.training.recipe import make_recipe, with_length
from pixelwise.training.samples import Batch, batch_at

ROUNDS = 3
WARM, TIMED = 4, 12
PAGE = Path(__file__).parent.parent / "docs" / "step.md"
TEXT = """# A training step

Written by `benchmarks/step.py`: the default model as short runs have it, on EfficientNet-Lite0, eight crops of 256x320,
on {threads} threads ({processor}). Milliseconds are those an image of the batch takes, its preparation included; the
median of {rounds} processes each. As it is, the steps are taken in {precision} on this processor.

| | ms an image | |
|---|---|---|
{ways}

Where the time of the first row goes, by torch's own profiler:

| | share |
|---|---|
{shares}
"""
AS_IT_IS: dict[str, Any] = {
    "keep_memory": True,
    "loader_thread": False,
    "frozen_stride": 32,
    "fused": True,
    "loss_step": 2,
    "channels_first": False,
    "compiled": False,
    "bfloat16": None,
}
WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "freed memory given back": {"keep_memory": False},
    "batches from a thread beside": {"loader_thread": True},
    "frozen layers one by one": {"fused": False},
    "nothing frozen": {"frozen_stride": 0},
    "frozen up to stride 4": {"frozen_stride": 4},
    "frozen up to stride 8": {"frozen_stride": 8},
    "frozen up to stride 16": {"frozen_stride": 16},
    "a loss of all pixels": {"loss_step": 1},
    "neither frozen nor sampled": {"frozen_stride": 0, "loss_step": 1},
    "channels first in memory": {"channels_first": True},
    "torch.compile": {"compiled": True},
    "in float32": {"bfloat16": False},
    "in bfloat16": {"bfloat16": True},
}
KINDS = {
    "frozen convolutions": ("mkldnn::_convolution_pointwise",),
    "convolutions, forward": ("mkldnn_convolution", "_slow_conv2d_forward", "thnn_conv2d", "convolution"),
    "convolutions, backward": ("convolution_backward", "_slow_conv2d_backward"),
    "batch norm": ("native_batch_norm", "native_batch_norm_backward"),
    "activations": ("hardtanh_", "hardtanh_backward", "clamp", "clamp_", "relu_", "clamp_min_", "threshold_backward"),
    "up-sampling": ("upsample_bilinear2d", "upsample_bilinear2d_backward"),
    "loss": ("_log_softmax", "_log_softmax_backward_data", "nll_loss2d_forward", "nll_loss2d_backward", "index"),
    "optimiser and average": ("_fused_adamw_", "lerp_", "_foreach_lerp_"),
}
"""Operations of torch by what they are for."""


def stepper(
    keep_memory: bool,
    frozen_stride: int,
    fused: bool,
    loss_step: int,
    channels_first: bool,
    compiled: bool,
    bfloat16: bool | None,
) -> tuple[Callable[[int], Batch], Trainer]:
    """Return a function that makes the batch of a step, and the trainer that takes it."""
    if keep_memory:
        keep_freed_memory()
    if not fused:
        mock.patch.object(loop, "fuse_frozen").start()
    if bfloat16 is not None:
        mock.patch.object(distributed, "has_bfloat16_unit", return_value=bfloat16).start()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    samples = [
        Sample(rng.integers(0, 256, (360, 480, 3), np.uint8), rng.integers(0, 11, (360, 480), np.uint8))
        for _ in range(16)
    ]
    recipe = with_length(make_recipe((256, 320), 100, (1.0,) * 11), steps=100, evaluations=1)
    recipe = recipe.model_copy(update={"frozen_stride": frozen_stride, "loss_step": loss_step})
    pipeline = ChannelsFirst if channels_first else Pipeline
    trainer = Trainer(pipeline(build("fpn", 11), IMAGENET_MEAN, IMAGENET_STD), recipe, seed=0)
    if channels_first:
        trainer.pipeline.to(memory_format=torch.contiguous_format)
    trainer.pipeline.train()
    if compiled:
        trainer.pipeline.model.compile()
    return lambda step: batch_at(samples, recipe, 0, step), trainer


class ChannelsFirst(Pipeline):
    """The pipeline with each channel of an image in one piece of memory, torch's own order."""

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        return super().normalised(images).contiguous()


def step_milliseconds(loader_thread: bool, **how: Any) -> float:
    """Return the median time an image of a step takes in this process."""
    batch_of, trainer = stepper(**how)
    seconds = []
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(batch_of, 0)
        for step in range(WARM + TIMED):
            started = time.perf_counter()
            if loader_thread:
                batch, ahead = ahead.result(), pool.submit(batch_of, step + 1)
            else:
                batch = batch_of(step)
            trainer.train_step(batch)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[WARM:]) / trainer.recipe.batch * 1000


def shares() -> dict[str, float]:
    """Return which share of a step's time each of `KINDS` takes, and the rest."""
    how = {key: value for key, value in AS_IT_IS.items() if key != "loader_thread"}
    batch_of, trainer = stepper(**how)
    batches = [batch_of(step) for step in range(WARM + 4)]
    for batch in batches[:WARM]:
        trainer.train_step(batch)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for batch in batches[WARM:]:
            trainer.train_step(batch)
    own = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(own.values())
    found = {
        kind: sum(own.get(name, 0) + own.get(f"aten::{name}", 0) for name in names) / total
        for kind, names in KINDS.items()
    }
    return found | {"all else": 1 - sum(found.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure is not None:
        print(step_milliseconds(**args.measure))
        return

    def measured(way: dict[str, Any]) -> float:
        line = [executable, __file__, "--measure", json.dumps(AS_IT_IS | way)]
        return float(run(line, check=True, stdout=PIPE, text=True).stdout)

    rounds = [[measured(way) for way in WAYS.values()] for _ in range(ROUNDS)]
    medians = dict(zip(WAYS, (statistics.median(times) for times in zip(*rounds, strict=True)), strict=True))
    ways = [f"| {name} | {own:.1f} | {own / medians['as it is']:.2f}x |" for name, own in medians.items()]
    kinds = [f"| {kind} | {share:.0%} |" for kind, share in shares().items()]
    page = TEXT.format(
        threads=torch.get_num_threads(),
        processor=processor_name(),
        rounds=ROUNDS,
        precision="bfloat16" if distributed.has_bfloat16_unit() else "float32",
        ways="\n".join(ways),
        shares="\n".join(kinds),
    )
    PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
