"""A miniature of `lab.faults`: commands that are killed, one after another, and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from lab.faults import rules
from lab.faults.commands import EARLIER, Command
from lab.faults.process import Ended
from lab.faults.report import Cell, write_report
from pixelwise.core import temporary_files
from pixelwise.core.errors import RunError
from pixelwise.core.files import write_text
from pixelwise.training.run import train

Start = Callable[..., "subprocess.Popen[str]"]

SLOWED = """
import sys, time
import pixelwise.core.files
import pixelwise.core.temporary_files
from pixelwise.cli.app import main
real = pixelwise.core.temporary_files._remove

def slow(path):
    print("writing", flush=True)
    time.sleep(0.05)
    real(path)

pixelwise.core.temporary_files._remove = slow
main()
"""
"""Says when it writes a file, and waits: a moment for whoever kills it. A file is then renamed, a folder is not."""
SAVE = """
import sys
from pathlib import Path
import numpy as np
from safetensors.numpy import save
from pixelwise.core.files import write_atomically
print("ready", flush=True)
for number in range(10_000):
    with write_atomically(Path(sys.argv[1]), durable=True) as path:
        path.write_bytes(save({"a": np.full(500_000, number)}, {"pixelwise": "{}"}))
"""
"""As `save_tensors` does it, without the seconds that torch takes to load."""
HOLD = """
import sys, time
from pathlib import Path
from pixelwise.core.locks import LockFile
assert LockFile(Path(sys.argv[1])).take()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start() -> Start:
    """Start a script of Python, and return the process once it has printed a line."""

    def begin(script: str, *arguments: str | Path, lines: int = 1) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        return process

    return begin


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six images of noise, two classes."""
    chance = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(6):
        picture = chance.integers(0, 256, (32, 48, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "data" / "images" / f"{number}.png")
        Image.fromarray(picture[..., 0] // 128).save(tmp_path / "data" / "masks" / f"{number}.png")
    return tmp_path / "data"


def pixelwise(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixelwise", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_conversion_leaves_nothing_behind(data: Path, tmp_path: Path, start: Start) -> None:
    convert = ("convert", data, "--to", "voc", "--out")
    (tmp_path / "whole").mkdir()
    assert pixelwise(*convert, tmp_path / "whole" / "set").returncode == 0
    before = tree(data)
    out = tmp_path / "out"
    for lines in (1, 4):
        kill(start(SLOWED, *convert, out / "set", lines=lines))
        assert not (out / "set").exists()
    assert len(list(out.glob(".pixelwise-*.tmp"))) == 1, "the second cleared what the first left"
    assert pixelwise(*convert, out / "set").returncode == 0
    assert tree(out) == tree(tmp_path / "whole")
    assert tree(data) == before


def test_a_killed_checkpoint_is_the_one_before(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "last.ckpt"
    for seconds in (0.02, 0.1, 0.3):
        process = start(SAVE, path)
        deadline = time.monotonic() + 30
        while not path.is_file() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        kill(process)
        assert len(np.unique(load_file(path)["a"])) == 1
    temporary_files._cleared.discard(tmp_path)
    write_text(tmp_path / "notes.txt", "x")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.ckpt", "notes.txt"]


def test_a_second_training_is_told_of_the_first(data: Path, tmp_path: Path, start: Start) -> None:
    (tmp_path / "run").mkdir()
    first = start(HOLD, tmp_path / "run" / ".train.lock")
    try:
        for resume in (False, True):
            with pytest.raises(RunError, match=f"being trained by process {first.pid} on "):
                train(data, out=tmp_path / "run", epochs=1, resume=resume, quiet=True)
    finally:
        kill(first)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".train.lock"]


def trial(folder: Path) -> tuple[Command, rules.Snapshot, rules.Snapshot]:
    """A command that has written a mask and a list, undisturbed."""
    for name, content in {**EARLIER, "inputs/a.png": b"a"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    Image.fromarray(np.eye(64, dtype=np.uint8)).save(folder / "disk" / "masks" / "a.png")
    (folder / "disk" / "masks" / "a.json").write_text('{"a": 1}', encoding="utf-8")
    command = Command("predict", (), (), "inputs/a.png", exact=True, makes="disk/masks")
    return command, rules.snapshot(folder, "disk", "tmp"), rules.snapshot(folder, "inputs")


def test_the_suite_finds_no_fault_where_there_is_none(tmp_path: Path) -> None:
    command, reference, inputs = trial(tmp_path)
    assert rules.whole(tmp_path, command, reference) == []
    assert rules.same(tmp_path, command, reference) == []
    assert rules.intact(tmp_path, inputs) == []
    assert rules.told(Ended(0, "", 1.0), {0}) == []
    assert rules.told(Ended(2, "error: no space", 1.0), {0, 2}) == []


def test_the_suite_finds_half_files_leftovers_and_losses(tmp_path: Path) -> None:
    command, reference, inputs = trial(tmp_path)
    mask = tmp_path / "disk" / "masks" / "a.png"
    mask.write_bytes(mask.read_bytes()[:60])
    (tmp_path / "disk" / "masks" / "a.json").unlink()
    (tmp_path / "disk" / "masks" / ".half").touch()
    (tmp_path / "disk" / "notes.txt").write_bytes(b"lost")
    (tmp_path / "inputs" / "a.png").unlink()
    half, other, missing = rules.whole(tmp_path, command, reference)
    assert half.startswith("disk/masks/a.png is not whole: ")
    assert other == "disk/masks/a.png is not what an undisturbed run writes"
    assert missing == "disk/masks/a.json is missing"
    assert sorted(rules.same(tmp_path, command, reference)) == [
        "disk/masks/a.png has other bytes",
        "disk/notes.txt has other bytes",
        "left over: disk/masks/.half",
        "missing: disk/masks/a.json",
    ]
    assert rules.intact(tmp_path, inputs) == [
        "an input has changed",
        "disk/notes.txt, which was there before, has changed",
    ]


@pytest.mark.parametrize(
    ("ended", "wrong"),
    [
        (Ended(None, "", 300.0), "hung"),
        (Ended(-7, "", 1.0), "exit code -7: "),
        (Ended(2, "", 1.0), "exit code 2 without a message"),
        (
            Ended(2, "Traceback (most recent call last):\nValueError: x", 1.0),
            "said 'Traceback (most recent call last)'",
        ),
        (Ended(70, "error: this is a fault of pixelwise 1", 1.0), "said 'this is a fault of pixelwise'"),
    ],
)
def test_the_suite_hears_what_is_wrong(ended: Ended, wrong: str) -> None:
    assert rules.told(ended, {0, 2})[0].startswith(wrong)


def test_the_table_has_a_row_a_command(tmp_path: Path) -> None:
    cells = [Cell("predict", "kill", 20, 1.5), Cell("convert", "clock", 20, 0.25, ["at 0.025: hung"])]
    write_report(tmp_path, cells, "Linux, 2 cores")
    page = (tmp_path / "faults.md").read_text(encoding="utf-8")
    assert "| command | s | kill | clock |\n|---|---|---|---|\n| predict | 1.5 | 20 / 0 | - |\n" in page
    assert "| convert | 0.2 | - | 20 / 1 |\n\n40 moments, 1 violations (Linux, 2 cores" in page
    assert "- at 0.025: hung" in page
