"""The suite: every command meets every fault."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.faults.commands import COMMANDS, DISK, INPUTS, Command, prepare
from lab.faults.kinds import KINDS, MOUNTING, Trial, can_mount
from lab.faults.process import MODULES, Process
from lab.faults.report import Cell, write_report
from lab.faults.rules import Snapshot, intact, same, snapshot, told, whole

LARGE_PIXELS = 2**17
"""From so many on, an image is a scan in this suite: a larger one takes minutes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.faults", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where faults.md and faults.json are written")
    parser.add_argument("--moments", type=int, default=20, help="for each command and fault [default: 20]")
    parser.add_argument("--only", default="", help="commands, or COMMAND/FAULT, separated by commas")
    options = parser.parse_args(arguments)
    _get_private_mounts()
    _load()
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        prepare(folder, {command.name for command in COMMANDS if _is_asked(options.only, command.name)})
        for command in COMMANDS:
            kinds = [kind for kind in KINDS if _is_asked(options.only, command.name, kind)]
            for cell in _cells(command, kinds, folder / command.name, options.moments) if kinds else ():
                cells.append(cell)
                write_report(options.out, cells, _machine())
    broken = sum(len(cell.violations) for cell in cells)
    print(f"{sum(cell.moments for cell in cells)} moments, {broken} violations: {options.out / 'faults.md'}")
    return int(broken > 0)


def _cells(command: Command, kinds: list[str], start: Path, moments: int) -> Iterator[Cell]:
    """Yield how a command fares with each of the faults."""
    folder = start.with_name("trial")
    reference, seconds, need = _undisturbed(command, start, folder)
    inputs = snapshot(start, INPUTS)
    for kind in kinds:
        if kind in MOUNTING and not can_mount():
            yield Cell(command.name, kind, 0, seconds, ["left out: no right to mount a disk"])
            continue
        began = time.monotonic()
        cell = Cell(command.name, kind, moments, seconds)
        for number in range(moments):
            moment = (number + 0.5) / moments
            _fresh(start, folder)
            trial = Trial(command, folder, seconds, need)
            wrong = [
                *KINDS[kind](trial, moment),
                *whole(folder, command, reference),
                *intact(folder, inputs),
                *_next_run(command, folder, reference),
                *intact(folder, inputs),
            ]
            cell.violations += [f"at {moment:.3f}: {sentence}" for sentence in wrong]
        took = time.monotonic() - began
        print(
            f"{command.name} / {kind}: {moments} moments, {len(cell.violations)} violations, {took:.0f} s", flush=True
        )
        for sentence in cell.violations[:5]:
            print(f"    {sentence}", flush=True)
        yield cell


def _undisturbed(command: Command, start: Path, folder: Path) -> tuple[Snapshot, float, int]:
    """Return what a run that nobody disturbs leaves, how long it takes, and what it needs on its disk."""
    seconds = []
    for _ in range(2):
        _fresh(start, folder)
        ended = Process(command.arguments, folder).wait()
        if wrong := told(ended, {0}):
            raise SystemExit(f"{command.name} does not work undisturbed: {wrong}: {ended.errors}")
        seconds.append(ended.seconds)
    files = [path.stat().st_size for path in (folder / DISK).rglob("*") if path.is_file()]
    before = sum(path.stat().st_size for path in (start / DISK).rglob("*") if path.is_file())
    return snapshot(folder, DISK, "tmp"), min(seconds), sum(files) - before + max(files)


def _next_run(command: Command, folder: Path, reference: Snapshot) -> list[str]:
    """Run the command again, as one does after a fault, and return what is wrong then."""
    done = command.makes is not None and (folder / command.makes).exists()
    begun = command.arguments[0] != "train" or (folder / DISK / "run").is_dir()  # else there is nothing to resume
    ended = Process(command.again if begun else command.arguments, folder).wait()
    wrong = told(ended, {2} if done else {0}) + same(folder, command, reference)
    return [f"in the next run: {sentence}" for sentence in wrong]


def _fresh(start: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(start, folder)


def _is_asked(only: str, command: str, kind: str | None = None) -> bool:
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    if kind is None:
        return not wanted or any(part.partition("/")[0] == command for part in wanted)
    return not wanted or any(part in (command, f"{command}/{kind}") for part in wanted)


def _load() -> None:
    """Load what commands need, and let a small image be a scan."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in MODULES:
        importlib.import_module(name)
    from pixelwise.core.telemetry import import_silently
    from pixelwise.raster import scan

    import_silently("onnxruntime")
    scan.LARGE_PIXELS = LARGE_PIXELS


def _get_private_mounts() -> None:
    """Start this program anew where it may mount disks that no other process sees, if the system lets it."""
    if can_mount():
        return
    for form in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*form, "true"], capture_output=True).returncode == 0:
            os.environ["PIXELWISE_LAB_MOUNTS"] = "private"
            command = [*form, sys.executable, "-m", "lab.faults", *sys.argv[1:]]
            os.execvp(command[0], command)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
