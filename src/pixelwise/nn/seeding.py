"""Random numbers from a seed, without changing torch's global generators."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

CPU = torch.device("cpu")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed torch's generators of the CPU and of `device` within the context, then restore their states."""
    module = None if device.type == "cpu" else torch.get_device_module(device)
    state, device_state = torch.get_rng_state(), module and module.get_rng_state()
    torch.default_generator.manual_seed(seed)
    if module is not None:
        module.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)
        if module is not None:
            module.set_rng_state(device_state)
