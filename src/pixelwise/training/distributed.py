"""One run on several processes, on one or more machines, started by `torchrun`.

Each process takes its share of every batch. Gradients, batch statistics and the weight of the counted pixels are those
of the whole batch, so that the result equals that of one process with the same batch, except for the order of
additions.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from types import FrameType
from typing import NoReturn

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch.distributed import DistError

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import OptionError, RunError
from pixelwise.torch_runtime.devices import find_device
from pixelwise.training.config import RunConfig
from pixelwise.training.run_directory import RunDirectory

PATIENCE = timedelta(hours=6)
"""How long the other processes wait while one works alone, for instance on the export and the report."""


_DEVICE: ContextVar[Device] = ContextVar("device", default=AUTO)
"""The device that `train_on` sets."""


@contextmanager
def train_on(device: Device) -> Iterator[None]:
    """Make `join_processes` return this device within the context. Raises as `find_device`, and `OptionError` for a
    numbered GPU with several processes, since each process has its own."""
    if device.index is not None and _launched():
        remedy = "Pass `device='cuda'`: each process takes the GPU of its own number."
        raise OptionError("device", f"{str(device)!r} for several processes", "cuda or cpu", remedy)
    chosen = find_device(device)
    token = _DEVICE.set(device)
    try:
        # torch's "cuda" is the current GPU of the thread.
        with torch.cuda.device(chosen) if device.index is not None else contextlib.nullcontext():
            yield
    finally:
        _DEVICE.reset(token)


def join_processes() -> Accelerator:
    """Return the device of this process and its rank in the run. Without a GPU the processes communicate over gloo.

    The device is the one that `train_on` sets, or the best available. Steps are taken in bfloat16 where the machine is
    fast at it.
    """
    asked = _DEVICE.get()
    cuda = asked.kind in ("auto", "cuda") and torch.cuda.is_available()
    precision = "bf16" if cuda or (asked.kind != "mps" and has_bfloat16_unit()) else "no"
    _leave_other_device(find_device(asked).type, precision)
    return Accelerator(
        cpu=asked.kind == "cpu" or (_launched() and not cuda),
        mixed_precision=precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )


def _leave_other_device(kind: str, precision: str) -> None:
    """Reset the device that accelerate keeps from an earlier training in this process, where the new one differs."""
    state = AcceleratorState._shared_state
    if not state or _launched():
        return
    if (state["device"].type, state.get("_mixed_precision")) != (kind, precision):
        AcceleratorState._reset_state(reset_partial_state=True)


def has_bfloat16_unit() -> bool:
    """Return whether the processor has a unit for matrices of bfloat16 (Intel's AMX): there a step in bfloat16 takes
    half the time, elsewhere up to twenty times as much. Where torch cannot tell, the answer is no."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return capabilities.get("amx_bf16", False)


def batch_share(batch: int, index: int, count: int) -> slice:
    """Return the samples of a batch, of at least `batch` samples, that belong to process `index` of `count`. Raises
    `OptionError` if there are too few."""
    if batch < count:
        expected = f"at most {batch}, one a crop of a batch"
        raise OptionError("the number of processes", str(count), expected, "Start fewer.")
    return slice(index, None, count)


def broadcast_config(config: RunConfig) -> RunConfig:
    """Return the configuration of the first process, in all of them."""
    (text,) = broadcast_object_list([config.model_dump_json()])
    return RunConfig.model_validate_json(text)


@contextmanager
def watch_processes(run: RunDirectory, accelerator: Accelerator) -> Iterator[None]:
    """Raise `RunError` if another process of the run ends before this one: recognised by the errors of gloo and NCCL,
    or by the signal with which `torchrun` stops the remaining processes.
    """
    count = accelerator.num_processes
    if count == 1:
        yield
        return
    remedy = "Start the same command again with `resume=True`: it goes on from the last checkpoint."
    lost = RunError(run.path, "a process of this run that ended before its time", f"all {count} to go on", remedy)

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise lost

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, DistError) or "gloo" in str(error):
            raise lost from error
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
