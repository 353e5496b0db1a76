"""The table of what came of the inputs, and each distinct fault with the command that repeats it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.fuzz.outcome import Outcome
from lab.fuzz.supervisor import Result


@dataclass
class Fault:
    """Faults of one kind: the first of them, how many there were, and in how many inputs of each kind."""

    first: Result
    seed: int
    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def repeat(self) -> str:
        return f"python -m lab.fuzz --repeat {self.first.kind} {self.seed} {self.first.index}"


@dataclass
class Summary:
    """What came of all inputs of a seed."""

    seed: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[tuple[str, str, str], Fault] = field(default_factory=dict)

    def add(self, result: Result) -> bool:
        """Count a result; return whether it is a new fault."""
        outcome = result.outcome
        self.counts.setdefault(result.kind, Counter())[outcome.outcome] += 1
        self.seconds[result.kind] = self.seconds.get(result.kind, 0.0) + result.seconds
        if not outcome.is_fault:
            return False
        new = _key(outcome) not in self.faults
        fault = self.faults.setdefault(_key(outcome), Fault(result, self.seed))
        fault.count += 1
        fault.kinds[result.kind] += 1
        return new

    @property
    def inputs(self) -> int:
        return sum(outcomes.total() for outcomes in self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Return what `report.json` holds."""
        return {
            "seed": self.seed,
            "inputs": self.inputs,
            "kinds": {kind: dict(outcomes) for kind, outcomes in self.counts.items()},
            "ms_per_input": {kind: 1000 * s / self.counts[kind].total() for kind, s in self.seconds.items()},
            "faults": [
                {
                    **fault.first.outcome.to_dict(),
                    **{"kind": fault.first.kind, "index": fault.first.index, "notes": fault.first.notes},
                    **{"count": fault.count, "kinds": dict(fault.kinds), "repeat": fault.repeat},
                }
                for fault in self._sorted()
            ],
        }

    def to_markdown(self) -> str:
        """Return what `report.md` holds."""
        names = sorted(
            {name for outcomes in self.counts.values() for name in outcomes}, key=lambda name: (name.isupper(), name)
        )
        lines = [f"{self.inputs:,} inputs of seed {self.seed}: {len(self.faults)} distinct faults.", ""]
        lines += [_row("kind", "inputs", "ms an input", *names), _row("---", *["---:"] * (2 + len(names)))]
        for kind, outcomes in sorted(self.counts.items()):
            pace = 1000 * self.seconds[kind] / outcomes.total()
            lines.append(_row(kind, f"{outcomes.total():,}", f"{pace:.0f}", *(f"{outcomes[name]:,}" for name in names)))
        for fault in self._sorted():
            outcome = fault.first.outcome
            kinds = ", ".join(f"{kind} {count}" for kind, count in fault.kinds.most_common())
            what = " ".join(filter(None, (outcome.outcome, outcome.error, outcome.line)))
            lines += ["", f"### {what}: {fault.count:,} ({kinds})", "", f"`{fault.repeat}`", ""]
            lines += [f"{', '.join(map(repr, fault.first.notes))}; `{outcome.step}`", ""]
            lines += [f"    {line}" for line in outcome.message.splitlines()[:5]]
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> None:
        """Write both."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
        text = self.to_markdown().encode("utf-8", "backslashreplace")
        (folder / "report.md").write_bytes(text)

    def _sorted(self) -> list[Fault]:
        return sorted(self.faults.values(), key=lambda fault: -fault.count)


def _key(outcome: Outcome) -> tuple[str, str, str]:
    """Return what tells faults apart: their place, or what they say where that is not known."""
    return outcome.key if outcome.frame else (*outcome.key[:2], _plain(outcome.message))


def _plain(message: str) -> str:
    """Return the first words of a message, without its numbers."""
    return "".join(c for c in message[:40] if not c.isdecimal())


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
