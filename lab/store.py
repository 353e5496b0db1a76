"""Figures as data: what a suite measured, in `lab/results/SUITE.json`, with the origin of each entry."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Places:
    """Where a suite keeps its figures and writes its page."""

    results: Path = ROOT / "lab" / "results"
    pages: Path = ROOT / "docs" / "experiments"


@dataclass(frozen=True)
class Origin:
    """Where an entry comes from, each part in words, or `NOT_RECORDED`."""

    date: str = NOT_RECORDED
    commit: str = NOT_RECORDED
    machine: str = NOT_RECORDED
    command: str = NOT_RECORDED


class Store(Mapping[str, Any]):
    """The entries of a suite by name: figures as JSON holds them. Each is written to disk as it is added."""

    def __init__(self, suite: str, places: Places) -> None:
        self.path = places.results / f"{suite}.json"
        content = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        self._entries: dict[str, dict[str, Any]] = content.get("entries", {})
        self.notes: list[str] = content.get("notes", [])
        """Paragraphs about the circumstances, for the page."""

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]["figures"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, name: str, figures: Any, origin: Origin) -> None:
        """Add or replace an entry. Notes are about earlier figures, so they go."""
        self._entries[name] = {"origin": asdict(origin), "figures": figures}
        self.notes = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"notes": self.notes, "entries": self._entries}
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def origins(self) -> list[Origin]:
        """Return the different origins of the entries, in their order."""
        return list(dict.fromkeys(Origin(**entry["origin"]) for entry in self._entries.values()))


def start_suite(suite: str, text: str, arguments: Sequence[str] | None) -> tuple[list[str], argparse.ArgumentParser]:
    """Return the words of a command line, those of this process where `arguments` is `None`, and a parser for
    `python -m lab.SUITE` that is described by the first line of `text`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    return words, argparse.ArgumentParser(prog=f"python -m lab.{suite}", description=text.partition("\n")[0])


def make_origin(suite: str, words: Sequence[str], args: argparse.Namespace) -> Origin:
    """Return the origin of what is measured now by `python -m lab.SUITE WORDS`."""
    return Origin(
        date=datetime.date.today().isoformat(),
        commit=describe_commit(),
        machine=describe_machine(),
        command=describe_command(suite, words, args),
    )


def describe_command(suite: str, words: Sequence[str], args: argparse.Namespace) -> str:
    """Return the command with the name of its option in place of each path: figures travel, paths do not."""
    names = {str(value): key.upper() for key, value in vars(args).items() if isinstance(value, Path)}
    return " ".join(["python -m", f"lab.{suite}", *(names.get(word, word) for word in words)])


def describe_commit() -> str:
    """Return the commit of the working tree, and whether files differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return f"{commit} with changes" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return NOT_RECORDED


def describe_machine() -> str:
    """Return the number of cores that this process may use, the processor, and torch's vector instructions."""
    import torch

    from pixelwise.inference.engine_benchmark import processor_name
    from pixelwise.inference.engines.checks import available_cores

    capability = torch.backends.cpu.get_cpu_capability()
    return f"{available_cores()} cores ({processor_name()}, {capability}), {platform.system()}"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
