"""Devices by name."""

from __future__ import annotations

import pytest

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import OptionError


@pytest.mark.parametrize(
    ("name", "device"),
    [(None, AUTO), ("auto", AUTO), ("cpu", Device("cpu")), ("cuda", Device("cuda")), ("cuda:12", Device("cuda", 12))],
)
def test_names(name: str | None, device: Device) -> None:
    assert Device.parse(name) == device
    assert str(device) == (name or "auto")


@pytest.mark.parametrize("name", ["", "gpu", "cpu:0", "cuda:", "cuda:-1", "mps:0", "CUDA", " cuda", "cuda:1\n"])
def test_other_names_are_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(OptionError, match=r"device: found '.*; expected auto, cpu, cuda, cuda:1 .* or mps"):
        Device.parse(name)
