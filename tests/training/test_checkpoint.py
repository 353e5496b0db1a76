"""The state on disk: tensors and optimisers come back to the last bit, damage is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from pixelwise.core.errors import OutputError, RunError
from pixelwise.training.checkpoint import (
    load_tensors,
    optimizer_tensors,
    require_types,
    restore_optimizer,
    save_tensors,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_tensors_and_header_come_back_as_they_were(tmp_path: Path) -> None:
    tensors = {
        "weight": random(3, 4, 5, 5).to(memory_format=torch.channels_last),
        "transposed": random(3, 4).T,
        "half": random(4).bfloat16(),
        "count": torch.tensor(2**40),
        "odd": torch.tensor([float("nan"), float("inf"), -0.0]),
        "parameter": nn.Parameter(random(2)),
    }
    header = {"step": 3, "name": "Straße", "best": None, "history": [{"loss": 0.1 + 0.2}]}
    save_tensors(tmp_path / "deeper" / "last.ckpt", tensors, header)
    loaded, loaded_header = load_tensors(tmp_path / "deeper" / "last.ckpt")
    assert loaded_header == header
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name].nan_to_num(7), tensor.nan_to_num(7))
        assert torch.equal(loaded[name].signbit(), tensor.signbit())


def test_a_header_is_optional(tmp_path: Path) -> None:
    save_tensors(tmp_path / "weights.safetensors", {"a": random(2)})
    assert load_tensors(tmp_path / "weights.safetensors")[1] == {}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "none.ckpt", "no such file"), (tmp_path, "a directory")):
        with pytest.raises(RunError, match=f"found {problem}"):
            load_tensors(path)


def test_every_way_to_cut_a_file_short_is_found(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    save_tensors(path, {"a": random(10)}, {"step": 1})
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=r"last\.ckpt: found a damaged file"):
            load_tensors(path)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"a": random(2)}, path)
    with pytest.raises(RunError, match="found a damaged file"):
        load_tensors(path)


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    save_tensors(path, {"a": torch.ones(2)}, {"step": 1})

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        save_tensors(path, {"a": torch.zeros(2)}, {"step": 2})
    assert load_tensors(path)[1] == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_an_optimiser_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    """Four steps at once, and two, a save, a fresh optimiser, and two more."""

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1)).to(memory_format=torch.channels_last)
        groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[1].parameters(), "lr": 0.01}]
        return model, torch.optim.AdamW(groups, fused=True)

    def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            optimizer.zero_grad()
            model(random(2, 3, 9, 9, seed=step)).square().sum().backward()
            optimizer.step()

    whole, optimizer = fresh()
    train(whole, optimizer, range(4))

    first, optimizer = fresh()
    train(first, optimizer, range(2))
    save_tensors(tmp_path / "last.ckpt", optimizer_tensors(optimizer))
    second, optimizer = fresh()
    second.load_state_dict(first.state_dict())
    restore_optimizer(optimizer, load_tensors(tmp_path / "last.ckpt")[0])
    train(second, optimizer, range(2, 4))

    state, expected = second.state_dict(), whole.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    moment = optimizer.state[second[0].weight]["exp_avg"]
    assert moment.is_contiguous(memory_format=torch.channels_last)


def test_an_optimiser_that_took_no_step_has_nothing_to_restore() -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.ones(2))])
    assert optimizer_tensors(optimizer) == {}
    restore_optimizer(optimizer, {})
    assert not optimizer.state


def test_a_header_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for text in ("[]", "7", "no json", "[" * 100_000):
        content = safetensors.torch.save({"w": torch.zeros(2)}, {"pixelwise": text})
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"a\.safetensors: found a damaged file"):
            load_tensors(path)


def test_a_pipe_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(RunError, match="found a named pipe"):
        load_tensors(tmp_path / "a.safetensors")


def test_tensors_of_another_type_are_refused() -> None:
    layer = nn.Linear(2, 1)
    require_types(layer, {name: value.clone() for name, value in layer.state_dict().items()})
    with pytest.raises(TypeError, match=r"weight in torch\.float64 for torch\.float32"):
        require_types(layer, {"weight": torch.zeros(1, 2, dtype=torch.float64)})


@pytest.mark.parametrize("header", ["[]", "{", "[" * 100_000, "1"])
def test_a_header_that_is_no_object(tmp_path: Path, header: str) -> None:
    path = tmp_path / "last.ckpt"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, {"pixelwise": header})
    with pytest.raises(RunError, match=r"last\.ckpt: found a damaged file"):
        load_tensors(path)
