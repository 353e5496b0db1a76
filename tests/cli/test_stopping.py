"""Ctrl-C and SIGTERM end a command with a sentence, not with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.cli.stopping import Stopped, raise_on_stop

SLOW = """
import sys, time
from pathlib import Path
from pixelwise.cli import app, check
from pixelwise.core.files import write_atomically

def slow(*args, **kwargs):
    with write_atomically(Path(sys.argv[2]) / "half.txt") as path:
        path.write_text("half")
        print("writing", flush=True)
        time.sleep(60)

import pixelwise.data.check
pixelwise.data.check.check = slow
app.main()
"""
"""`pixelwise check` that writes a file, slowly."""


@pytest.mark.parametrize(("number", "name", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)])
def test_a_stopped_command_clears_up_and_says_so(tmp_path: Path, number: signal.Signals, name: str, code: int) -> None:
    data = tmp_path / "data"
    for folder in ("images", "masks"):
        (data / folder).mkdir(parents=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(data / folder / "a.png")
    command = [sys.executable, "-c", SLOW, "check", str(data)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors.splitlines()[-1] == f"stopped by {name}. No partial output is left; start again."
    assert "Traceback" not in errors
    assert sorted(path.name for path in data.iterdir()) == ["images", "masks"]


def test_handlers_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atexit.register", lambda *arguments: None)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped) as stop, raise_on_stop():
        signal.raise_signal(signal.SIGTERM)
    assert stop.value.code == 143
    assert "The same command with --resume continues" in stop.value.message("train")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_ignored_signal_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of Ctrl-C is where a shell starts a command in the background."""
    monkeypatch.setattr("atexit.register", lambda *arguments: None)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with raise_on_stop():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
