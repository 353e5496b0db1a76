"""Two processes train as one does, and go on after one of them was killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState

from pixelwise.core.device import Device
from pixelwise.core.errors import OptionError
from pixelwise.training import distributed
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.distributed import batch_share, has_bfloat16_unit
from pixelwise.training.run import train
from pixelwise_scenes import write_scenes

SCRIPT = """
import sys
from pixelwise.cli.app import main
from pixelwise.training import distributed, loop, session
loop.CHECKPOINT_SECONDS = 0.0
distributed.has_bfloat16_unit = lambda: {half}
if {only_weights}:
    session.finish = lambda *_: None
main()
"""
LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
ARGUMENTS = ["--model", "fpn", "--encoder", "test_efficientnet", "--no-pretrained", "--epochs", "6"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training and three validation scenes of 64x96."""
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 8, "val": 3}, size=(64, 96))
    return path


def command(
    data: Path, out: Path, launcher: Sequence[str] = LAUNCHER, *, half: bool = False, only_weights: bool = False
) -> list[str]:
    """Return the command that trains; with `only_weights` it neither exports nor measures the model, which takes as
    long as the training."""
    script = out.with_suffix(".py")
    script.write_text(SCRIPT.format(half=half, only_weights=only_weights))
    arguments = [*ARGUMENTS, "--recipe", "segnet", *(["--resume"] if (out / "config.yaml").is_file() else [])]
    return [sys.executable, *launcher, str(script), "train", str(data), "--out", str(out), *arguments]


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two processes that nobody disturbed."""
    out = tmp_path_factory.mktemp("runs") / "two"
    subprocess.run(command(data, out), check=True, stderr=subprocess.DEVNULL)
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_tensors(run / "weights.safetensors")[0]


def losses(run: Path) -> list[float]:
    with (run / "history.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def one(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on one process: this."""
    out = tmp_path_factory.mktemp("runs") / "one"
    net = {"model": "fpn", "encoder": "test_efficientnet", "pretrained": False}
    return train(data, out=out, epochs=6, recipe="segnet", quiet=True, **net).path


@pytest.mark.slow
def test_in_bfloat16_a_run_comes_to_nearly_the_same(data: Path, one: Path, tmp_path: Path) -> None:
    """Whatever the processor is good at. The weights are in float32 all the same."""
    half = tmp_path / "half"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(data, half, (), half=True), check=True, stderr=subprocess.DEVNULL, env=environment)
    assert losses(half) == pytest.approx(losses(one), rel=0.05)
    assert losses(half) != losses(one)
    assert {value.dtype for value in weights(half).values() if value.is_floating_point()} == {torch.float32}
    scores = [json.loads((run / "metrics.json").read_text())["miou"] for run in (half, one)]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)


@pytest.mark.slow
def test_two_processes_come_to_what_one_comes_to_with_their_batch(one: Path, two: Path) -> None:
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    assert losses(two)[0] == pytest.approx(losses(one)[0], rel=1e-5)
    for name, expected in weights(one).items():
        torch.testing.assert_close(weights(two)[name], expected, rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_a_message_and_it_goes_on_from_there(
    data: Path, two: Path, tmp_path: Path
) -> None:
    out = tmp_path / "broken"
    process = subprocess.Popen(command(data, out, only_weights=True), stderr=subprocess.PIPE, text=True)
    while not (out / "checkpoints" / "last.ckpt").is_file():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(max(workers(process)), signal.SIGKILL)
    _, printed = process.communicate()
    assert process.returncode != 0
    assert "ended before its time" in printed
    assert "--resume" in printed
    assert not (out / "report.html").exists()
    subprocess.run(command(data, out, only_weights=True), check=True, stderr=subprocess.DEVNULL)
    expected = weights(two)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(out).items())


def workers(launcher: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [(lambda: {"avx2": True, "amx_bf16": True}, "bf16"), (lambda: {"avx2": True}, "no"), (None, "no")],
)
def test_steps_are_in_bfloat16_where_the_processor_multiplies_it(
    capabilities: Any, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torch that cannot tell has no such function."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", capabilities, raising=False)
    if capabilities is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(distributed, "has_bfloat16_unit", has_bfloat16_unit)
    monkeypatch.setattr(distributed, "Accelerator", lambda **options: options)
    assert distributed.join_processes()["mixed_precision"] == precision


def test_shares_of_a_batch_are_all_of_it_and_none_is_empty() -> None:
    shares = [batch_share(7, index, 3) for index in range(3)]
    assert [list(range(7)[share]) for share in shares] == [[0, 3, 6], [1, 4], [2, 5]]
    with pytest.raises(OptionError, match="at most 2"):
        batch_share(2, 0, 3)


def test_a_device_is_asked_for_while_a_training_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = []
    monkeypatch.setattr(distributed, "Accelerator", lambda **options: asked.append(options["cpu"]))
    with distributed.train_on(Device("cpu")):
        distributed.join_processes()
    distributed.join_processes()
    assert asked == [True, False]
    with pytest.raises(OptionError, match="no GPU that torch can use"), distributed.train_on(Device("cuda")):
        pass
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OptionError, match="'cuda:1' for several processes"), distributed.train_on(Device("cuda", 1)):
        pass


def test_accelerate_forgets_the_device_of_an_earlier_training(monkeypatch: pytest.MonkeyPatch) -> None:
    before = distributed.join_processes()
    state = AcceleratorState._shared_state
    assert distributed.join_processes().state.__dict__ is state
    monkeypatch.setitem(state, "device", torch.device("meta"))
    after = distributed.join_processes()
    assert before.device == after.device == torch.device("cpu")
