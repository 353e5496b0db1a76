"""The kinds of faults: each meets a command at a moment, given as a share, 0..1, of what the fault goes along."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.faults.commands import DISK, Command
from lab.faults.process import Ended, Process
from lab.faults.rules import told

MIB = 2**20
DAY_SECONDS = 86400.0
HANDLES = 48
"""Up to so many more files than at its start may a command open."""
REFUSED = {0, 1, 2}
"""Exit codes of a command that says what it could not do."""


@dataclass
class Trial:
    """A command in its folder. seconds: how long it takes undisturbed. need: bytes on the disk that it writes to."""

    command: Command
    folder: Path
    seconds: float
    need: int
    undo: list[Callable[[], None]] = field(default_factory=list)
    """What ends the fault, before the next run."""

    def start(self, prepare: Callable[[], None] = lambda: None) -> Process:
        return Process(self.command.arguments, self.folder, prepare)

    def sleep(self, moment: float) -> None:
        """Wait until a moment of the command's duration."""
        time.sleep(moment * self.seconds)

    @contextlib.contextmanager
    def own_disk(self, size: int) -> Iterator[None]:
        """Let the command write to a disk of so many bytes, with what is there already."""
        disk, aside = self.folder / DISK, self.folder / "aside"
        disk.rename(aside)
        disk.mkdir()
        _call("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk))
        try:
            shutil.copytree(aside, disk, dirs_exist_ok=True)
            yield
        finally:
            _call("mount", "-o", f"remount,rw,size={1024 * MIB}", str(disk))
            stored = self.folder / "kept"
            shutil.copytree(disk, stored)
            _call("umount", str(disk))
            shutil.rmtree(disk)
            stored.rename(disk)
            shutil.rmtree(aside)


def _signalled(trial: Trial, moment: float, number: int, codes: set[int]) -> list[str]:
    process = trial.start()
    trial.sleep(moment)
    process.signal(number)
    return told(process.wait(), codes)


def kill(trial: Trial, moment: float) -> list[str]:
    """SIGKILL, as by a machine that runs out of memory."""
    return _signalled(trial, moment, signal.SIGKILL, {0, -signal.SIGKILL})


def term(trial: Trial, moment: float) -> list[str]:
    """SIGTERM, as by a batch system or a container that is stopped."""
    return _signalled(trial, moment, signal.SIGTERM, {0, 128 + signal.SIGTERM})


def interrupt(trial: Trial, moment: float) -> list[str]:
    """SIGINT, as by Ctrl-C."""
    return _signalled(trial, moment, signal.SIGINT, {0, 128 + signal.SIGINT})


def full(trial: Trial, moment: float) -> list[str]:
    """A disk that has room for a share of what the command writes."""
    before = sum(path.stat().st_size for path in (trial.folder / DISK).rglob("*") if path.is_file())
    with trial.own_disk(before + 64 * 1024 + int(moment * trial.need)):
        return told(trial.start().wait(), REFUSED)


def read_only(trial: Trial, moment: float) -> list[str]:
    """A disk that becomes read-only: at the first moment before the command begins, else as soon after the moment as no
    file is open for writing, or never."""
    disk = str(trial.folder / DISK)
    with trial.own_disk(1024 * MIB):
        if moment < 0.05:
            _call("mount", "-o", "remount,ro", disk)
            return told(trial.start().wait(), REFUSED)
        process = trial.start()
        trial.sleep(moment)
        while not process.has_ended and not _succeeds("mount", "-o", "remount,ro", disk):
            time.sleep(0.001)
        return told(process.wait(), REFUSED)


def vanish(trial: Trial, moment: float) -> list[str]:
    """An input that is moved away."""
    path, away = trial.folder / trial.command.vanishing, trial.folder / "away"
    process = trial.start()
    trial.sleep(moment)
    path.rename(away)
    ended = process.wait()
    away.rename(path)
    return told(ended, REFUSED)


def clock(trial: Trial, moment: float) -> list[str]:
    """A clock that is set back by a day: nothing may come of it."""

    def prepare() -> None:
        real, turn = time.time, time.monotonic() + moment * trial.seconds
        time.time = lambda: real() - (DAY_SECONDS if time.monotonic() > turn else 0.0)
        time.time_ns = lambda: int(time.time() * 1e9)

    return told(trial.start(prepare).wait(), {0})


def handles(trial: Trial, moment: float) -> list[str]:
    """A limit of open files."""

    def prepare() -> None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = len(os.listdir("/proc/self/fd")) + round(moment * HANDLES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))

    return told(trial.start(prepare).wait(), REFUSED)


def twice(trial: Trial, moment: float) -> list[str]:
    """The same command a second time beside it: one of them at least does its work."""
    first = trial.start()
    trial.sleep(moment)
    second = trial.start()
    ends = [first.wait(), second.wait()]
    wrong = [sentence for end in ends for sentence in told(end, {0, 2})]
    return wrong if any(end.code == 0 for end in ends) else [*wrong, *_neither(ends)]


def _neither(ends: list[Ended]) -> list[str]:
    return [f"neither did its work: {' | '.join(end.errors.strip()[-200:] for end in ends)}"]


KINDS: dict[str, Callable[[Trial, float], list[str]]] = {
    "kill": kill,
    "SIGTERM": term,
    "SIGINT": interrupt,
    "full disk": full,
    "read-only": read_only,
    "vanished": vanish,
    "clock": clock,
    "handles": handles,
    "two at once": twice,
}
MOUNTING = ("full disk", "read-only")
"""Those that need a disk of their own."""


def can_mount() -> bool:
    """Return whether this process may mount disks that nobody else sees."""
    return os.environ.get("PIXELWISE_LAB_MOUNTS") == "private"


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
