"""Watches the workers: hands out inputs, kills what hangs, starts anew what died, and collects what came of each."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.fuzz.models import ROOT
from lab.fuzz.outcome import CRASH, HANG, Outcome, innermost_of_dump
from lab.fuzz.worker import DUMP

LOOK_SECONDS = 0.2
"""Between two looks at whether an input is overdue."""
RESIDENT_MIB = 900
"""A worker that keeps more than this when it is idle is started anew."""
LONGEST_LOOK = 0.5
"""Seconds between two looks at a worker that count as idle at most. More means that the supervisor itself waited for
its turn on a busy machine."""
Task = tuple[str, int]


@dataclass(frozen=True)
class Result:
    """What came of an input, in how many seconds, and in words what was changed in it."""

    kind: str
    index: int
    outcome: Outcome
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """Seconds and memory that an input may take."""

    seconds: float = 10.0
    memory_mib: int = 2048


class Worker:
    """A process that runs one input at a time."""

    def __init__(self, seed: int, made: Path, scratch: Path, limits: Limits, *, torch: bool, plant: str | None) -> None:
        self.scratch = scratch
        self._limits = limits
        shutil.rmtree(scratch, ignore_errors=True)
        more = (["--torch"] if torch else []) + ([f"--plant={plant}"] if plant else [])
        numbers = [str(seed), str(made), str(scratch), str(limits.memory_mib)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.fuzz.worker", *numbers, *more],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.answers, self._questions = self._process.stdout, self._process.stdin
        self._buffer = b""
        if not self.answers.read(1):
            said = self._process.stderr.read() if self._process.stderr else b""
            raise RuntimeError(f"a worker that does not start: {said.decode(errors='replace')}")
        self.task: Task | None = None
        self._notes: tuple[str, ...] = ()
        self._started = self._looked = self._cpu_before = self._idle = 0.0
        self.tired = False

    def ask(self, task: Task) -> None:
        """Hand out an input."""
        self.task, self._notes = task, ()
        self._started = self._looked = time.monotonic()
        self._cpu_before, self._idle = self._cpu_seconds(), 0.0
        self._questions.write("{} {}\n".format(*task).encode())

    def answer(self) -> Result | None:
        """Read what is there; return the result where it is complete. A process that died has crashed."""
        read = os.read(self.answers.fileno(), 2**16)
        if not read:
            return self._failed(CRASH, f"the process ended with {self._process.wait()}")
        self._buffer += read
        *lines, self._buffer = self._buffer.split(b"\n")
        result = None
        for line in filter(None, lines):
            content: dict[str, Any] = json.loads(line)
            if "notes" in content:
                self._notes = tuple(content["notes"])
            else:
                self.tired = content.pop("resident") > RESIDENT_MIB
                seconds = content.pop("seconds")
                result = self._result(Outcome(**content), seconds)
        return result

    def overdue(self) -> Result | None:
        """Return a hang, and end the process, where its input took longer than it may. Time in which the process waited
        for its turn on a busy machine, or for a disk, does not count."""
        if self.task is None:
            return None
        now = time.monotonic()
        if not self._wants_processor():
            self._idle += min(now - self._looked, LONGEST_LOOK)
        self._looked = now
        busy = self._cpu_seconds() - self._cpu_before
        if busy + self._idle < self._limits.seconds:
            return None
        seconds = now - self._started
        self._process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        return self._failed(HANG, f"not done after {seconds:.0f} s: {busy:.1f} s busy, {self._idle:.1f} s idle")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self.answers, self._questions, self._process.stderr):
            if stream is not None:
                stream.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _failed(self, outcome: str, message: str) -> Result:
        dump = self.scratch / DUMP
        trace = dump.read_text(encoding="utf-8", errors="replace") if dump.is_file() else ""
        frame, line = innermost_of_dump(trace)
        seconds = time.monotonic() - self._started
        return self._result(Outcome(outcome, "", "", frame, line, message, trace[-6000:]), seconds)

    def _result(self, outcome: Outcome, seconds: float) -> Result:
        assert self.task is not None
        kind, index = self.task
        self.task = None
        return Result(kind, index, outcome, seconds, self._notes)

    def _wants_processor(self) -> bool:
        """Return whether a thread runs, waits for its turn or for a disk; else all wait for something to happen."""
        try:
            threads = list(Path(f"/proc/{self._process.pid}/task").iterdir())
            states = [(thread / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] for thread in threads]
        except OSError:
            return True
        return any(state in "RD" for state in states)

    def _cpu_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_all(
    tasks: Iterator[Task], workers: int, start: Callable[[int], Worker], on_result: Callable[[Result], None]
) -> None:
    """Run inputs in so many workers, of which `start` returns one by its number, and tell of each result."""
    running: dict[int, Worker] = {}
    try:
        with selectors.DefaultSelector() as selector:
            for number in range(workers):
                _next(number, tasks, running, selector, start)
            while running:
                ready = {key.data for key, _ in selector.select(timeout=LOOK_SECONDS)}
                for number, worker in list(running.items()):
                    result = worker.answer() if number in ready else worker.overdue()
                    if result is None:
                        continue
                    on_result(result)
                    selector.unregister(worker.answers)
                    if worker.tired or result.outcome.outcome in (HANG, CRASH):
                        worker.stop()
                        del running[number]
                    _next(number, tasks, running, selector, start)
    finally:
        for worker in running.values():
            worker.stop()


def _next(
    number: int,
    tasks: Iterator[Task],
    running: dict[int, Worker],
    selector: selectors.BaseSelector,
    start: Callable[[int], Worker],
) -> None:
    """Hand the next input to a worker, a new one where there is none; stop it where there is no more to do."""
    task = next(tasks, None)
    if task is None:
        if number in running:
            running.pop(number).stop()
        return
    if number not in running:
        running[number] = start(number)
    running[number].ask(task)
    selector.register(running[number].answers, selectors.EVENT_READ, number)
