"""Locks: one process at a time, gone with the process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pixelwise.core import locks
from pixelwise.core.locks import LockFile, open_locked, remove_locked, try_to_lock

HOLD = """
import sys, time
from pathlib import Path
from pixelwise.core.locks import LockFile
assert LockFile(Path(sys.argv[1])).take()
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0.01)


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    first, second = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    assert first.take()
    assert first.is_locked
    assert not second.take()
    assert second.is_held()
    assert second.holder().startswith(f"process {os.getpid()} on {socket.gethostname()}, since 2")
    first.release()
    assert not second.is_held()
    assert second.take()
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "taken\n"
        assert not LockFile(path).take()
        assert LockFile(path).holder().startswith(f"process {holder.pid} on ")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.is_file()
    lock = LockFile(path)
    assert not lock.is_held()
    assert lock.take()
    assert json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid()
    lock.release()


def test_a_lock_that_says_nothing_is_held_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    for content in (b"", b"{", b"[]", b'{"pid": 1}', b"\xff"):
        path.write_bytes(content)
        assert LockFile(path).holder() == "another process"


def test_a_file_that_its_holder_removes_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lock may get that of a file which nobody finds any more."""
    path = tmp_path / "lock"
    handles = []
    real = locks.try_to_lock

    def lock_after_removal(handle: int) -> bool | None:
        if not handles:
            path.unlink()
        handles.append(handle)
        return real(handle)

    monkeypatch.setattr(locks, "try_to_lock", lock_after_removal)
    opened = open_locked(path)
    assert opened is not None
    assert len(handles) == 2
    assert os.path.samestat(os.fstat(opened[0]), path.stat())
    remove_locked(opened[0], path)


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "try_to_lock", lambda handle: None)
    first, second = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    assert first.take()
    assert second.take()
    assert not first.is_locked
    assert not second.is_held()
    first.release()
    second.release()


def test_no_locks_are_told_from_held_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    for number, expected in ((locks.errno.EWOULDBLOCK, False), (locks.errno.ENOLCK, None), (locks.errno.ENOSYS, None)):

        def refuse(handle: int, operation: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", refuse)
        assert try_to_lock(0) is expected
