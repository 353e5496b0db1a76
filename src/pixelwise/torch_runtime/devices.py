"""The device of torch that a name stands for on this machine."""

from __future__ import annotations

import torch

from pixelwise.core.device import Device
from pixelwise.core.errors import MissingDependencyError, OptionError

OTHERWISE = "Leave `device` out, or pass `device='cpu'`."


def find_device(device: Device) -> torch.device:
    """Return the torch device of `device`: of `auto` the first that there is of CUDA, MPS and the CPU.

    A GPU comes with its number, so that every thread means the same one.

    Raises
    ------
    MissingDependencyError
        This torch was built without what the device needs.
    OptionError
        The machine has no such device.
    """
    if device.kind == "cuda" or (device.kind == "auto" and torch.cuda.is_available()):
        return _find_gpu(device)
    if device.kind == "mps":
        _require_mps()
    if device.kind == "mps" or (device.kind == "auto" and torch.backends.mps.is_available()):
        return torch.device("mps")
    return torch.device("cpu")


def _find_gpu(device: Device) -> torch.device:
    where = f"device={str(device)!r}"
    if torch.version.cuda is None and torch.version.hip is None:
        found = f"torch {torch.__version__}, which was built for the CPU alone"
        remedy = f"Install torch with CUDA, as pytorch.org/get-started says. {OTHERWISE}"
        raise MissingDependencyError(where, found, "a torch with CUDA", remedy)
    if not torch.cuda.is_available():
        found = f"{str(device)!r}, and no GPU that torch can use"
        remedy = f"Check the GPU and its driver with nvidia-smi. {OTHERWISE}"
        raise OptionError("device", found, "an NVIDIA GPU with a driver for this torch", remedy)
    count = torch.cuda.device_count()
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= count:
        names = ", ".join(f"cuda:{number}" for number in range(count))
        raise OptionError("device", repr(str(device)), f"one of {names}", "GPUs are counted from 0.")
    return torch.device("cuda", index)


def _require_mps() -> None:
    if not torch.backends.mps.is_built():
        found = f"torch {torch.__version__}, which was built without MPS"
        raise MissingDependencyError("device='mps'", found, "torch on a Mac with Apple's processor", OTHERWISE)
    if not torch.backends.mps.is_available():
        raise OptionError("device", "'mps', which this machine has not", "a Mac with Apple's processor", OTHERWISE)


def device_name(device: torch.device) -> str:
    """Return what a device is called: "cuda:0, NVIDIA H200", or "cpu"."""
    if device.type != "cuda":
        return str(device)
    return f"{device}, {torch.cuda.get_device_name(device)}"
