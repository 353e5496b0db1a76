"""Two processes train as one does, and go on after one of them was killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pixelwise.errors import OptionError
from pixelwise.scenes import write_scenes
from pixelwise.training import train
from pixelwise.training.checkpoint import load_tensors
from pixelwise.training.processes import share

SCRIPT = """
import sys
from pixelwise.cli.app import main
from pixelwise.training import loop
loop.CHECKPOINT_SECONDS = 0.0
main()
"""
OPTIONS = {"model": "fpn", "encoder": "test_efficientnet", "pretrained": False, "recipe": "segnet", "epochs": 12}
ARGUMENTS = ["--model", "fpn", "--encoder", "test_efficientnet", "--no-pretrained", "--epochs", "12"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight training and three validation scenes of 64x96."""
    path = tmp_path_factory.mktemp("scenes") / "data"
    write_scenes(path, 0, {"train": 8, "val": 3}, size=(64, 96))
    return path


def command(data: Path, out: Path) -> list[str]:
    script = out.with_suffix(".py")
    script.write_text(SCRIPT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return [*launcher, str(script), "train", str(data), "--out", str(out), *ARGUMENTS, "--recipe", "segnet", "--resume"]


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


@pytest.mark.usefixtures("one_thread")
def test_two_processes_come_to_what_one_comes_to_with_their_batch(data: Path, two: Path, tmp_path: Path) -> None:
    train(data, out=tmp_path / "one", quiet=True, **OPTIONS)
    assert losses(two) == pytest.approx(losses(tmp_path / "one"), rel=1e-3)
    assert losses(two)[0] == pytest.approx(losses(tmp_path / "one")[0], rel=1e-5)
    for name, expected in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(two)[name], expected, rtol=1e-3, atol=1e-3, msg=name)


def test_a_killed_process_ends_the_run_with_a_message_and_it_goes_on_from_there(
    data: Path, two: Path, tmp_path: Path
) -> None:
    out = tmp_path / "broken"
    process = subprocess.Popen(command(data, out), stderr=subprocess.PIPE, text=True)
    while not (out / "checkpoints" / "last.ckpt").is_file():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(max(workers(process)), signal.SIGKILL)
    _, printed = process.communicate()
    assert process.returncode != 0
    assert "ended before its time" in printed
    assert "--resume" in printed
    assert not (out / "report.html").exists()
    subprocess.run(command(data, out), check=True, stderr=subprocess.DEVNULL)
    expected = weights(two)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(out).items())


def workers(launcher: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def test_shares_of_a_batch_are_all_of_it_and_none_is_empty() -> None:
    shares = [share(7, index, 3) for index in range(3)]
    assert [list(range(7)[own]) for own in shares] == [[0, 3, 6], [1, 4], [2, 5]]
    with pytest.raises(OptionError, match="at most 2"):
        share(2, 0, 3)
