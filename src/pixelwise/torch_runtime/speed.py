"""What a device reaches: products of matrices, and copies in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from pixelwise.core.device import AUTO, Device
from pixelwise.torch_runtime.devices import device_name, find_device

SIDES = {"cpu": 512, "mps": 2048, "cuda": 8192}
"""Of the square matrices."""
COPIED = {"cpu": 2**24, "mps": 2**27, "cuda": 2**30}
"""Bytes of a copy."""
SECONDS = 0.2
"""How long each is repeated."""


@dataclass(frozen=True)
class DeviceSpeed:
    """The name of a device, its memory in GiB (`None` of the CPU), 10**12 operations a second in products of float32
    and of bfloat16 matrices, and GB a second that a copy reads and writes."""

    name: str
    memory_gib: float | None
    float32_tflops: float
    bfloat16_tflops: float
    copy_gb_s: float


def measure_device(device: Device = AUTO) -> DeviceSpeed:
    """Measure a device for less than a second. Raises what `find_device` does."""
    place = find_device(device)
    side, size = SIDES[place.type], COPIED[place.type]
    memory = torch.cuda.get_device_properties(place).total_memory / 2**30 if place.type == "cuda" else None
    rates = []
    for kind in (torch.float32, torch.bfloat16):
        matrix = torch.full((side, side), 1 / side, device=place, dtype=kind)
        rates.append(2 * side**3 / _seconds(place, partial(torch.matmul, matrix, matrix)) / 1e12)
    source = torch.zeros(size, dtype=torch.uint8, device=place)
    target = torch.empty_like(source)
    copied = 2 * size / _seconds(place, lambda: target.copy_(source)) / 1e9
    return DeviceSpeed(device_name(place), memory, rates[0], rates[1], copied)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def _seconds(device: torch.device, call: Callable[[], object]) -> float:
    """Return the time of a call, the mean of as many as `SECONDS` hold."""
    call()
    synchronize(device)
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        for _ in range(4):
            call()
        synchronize(device)
        calls += 4
    return (time.perf_counter() - started) / calls
