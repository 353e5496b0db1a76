"""Devices by name, before anything that could use them is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pixelwise.core.errors import OptionError

_NAME = re.compile(r"(auto|cpu|cuda|mps)(?::(\d{1,3}))?")
EXPECTED = "auto, cpu, cuda, cuda:1 (the second GPU) or mps"


@dataclass(frozen=True)
class Device:
    """What computes: `auto` (the best that there is), `cpu`, `cuda` (an NVIDIA GPU, or an AMD one in torch's builds for
    ROCm) or `mps` (Apple's). `index`: the number of a GPU, `None` for the first.

    Examples
    --------
    >>> Device.parse("cuda:1")
    Device(kind='cuda', index=1)
    >>> str(Device.parse("cpu"))
    'cpu'
    """

    kind: str = "auto"
    index: int | None = None

    @classmethod
    def parse(cls, name: str | None) -> Device:
        """Return the device that `name` names; `None` is `auto`. Raises `OptionError` for another name."""
        if name is None:
            return AUTO
        match = _NAME.fullmatch(name)
        if match is None or (match[2] is not None and match[1] != "cuda"):
            remedy = "Leave it out for the best device that this machine has."
            raise OptionError("device", repr(name), EXPECTED, remedy)
        return cls(match[1], None if match[2] is None else int(match[2]))

    def __str__(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


AUTO = Device()
