"""What a name of a device is on this machine, and on others that are made up."""

from __future__ import annotations

import pytest
import torch

from pixelwise.core.device import AUTO, Device
from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.torch_runtime.devices import device_name, find_device


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")


def test_without_a_gpu_the_processor_is_the_best(no_gpu: None) -> None:
    assert find_device(AUTO) == find_device(Device("cpu")) == torch.device("cpu")
    assert device_name(torch.device("cpu")) == "cpu"


def test_a_gpu_is_the_best_and_has_its_number(two_gpus: None) -> None:
    assert find_device(AUTO) == find_device(Device("cuda")) == torch.device("cuda:0")
    assert find_device(Device("cuda", 1)) == torch.device("cuda:1")
    assert find_device(Device("cpu")) == torch.device("cpu")
    assert device_name(torch.device("cuda:1")) == "cuda:1, GPU 1"
    with pytest.raises(OptionError, match="device: found 'cuda:2'; expected one of cuda:0, cuda:1"):
        find_device(Device("cuda", 2))


def test_a_gpu_that_is_not_there_is_an_error(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="no GPU that torch can use"):
        find_device(Device("cuda"))
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(MissingDependencyError, match=r"device='cuda:1': found torch .* built for the CPU alone"):
        find_device(Device("cuda", 1))


def test_mps(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match="built without MPS"):
        find_device(Device("mps"))
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    with pytest.raises(OptionError, match="'mps', which this machine has not"):
        find_device(Device("mps"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device(AUTO) == find_device(Device("mps")) == torch.device("mps")
