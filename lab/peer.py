"""Other packages beside pixelwise: each trains in an environment of its own and leaves its predictions as files.

A peer is a script in `lab/peer_scripts`, run as

    PYTHON SCRIPT DATA OUT --minutes M --rate R [--encoder-weights FILE] [more]

where PYTHON is the interpreter of an environment that has the package. It trains on the images of DATA for the minutes,
which include reading but no predictions, at the learning rate R, and writes

    OUT/val, OUT/test    a label map NAME.png an image; for objects an instance map, and NAME.json with their scores
    OUT/done.json        says that the training is finished; {"ms_an_image": ...} where the peer counts its images

The suites score these files by the same code as pixelwise's own predictions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).with_name("peer_scripts")


@dataclass(frozen=True)
class Peer:
    """A package's training: its script, interpreter, further arguments, and the factor on the learning rates."""

    name: str
    script: Path
    interpreter: Path
    arguments: tuple[str, ...] = ()
    rate_factor: float = 1.0


@dataclass(frozen=True)
class PeerRun:
    """A finished training of a peer: its folder and its learning rate."""

    folder: Path
    rate: float

    @property
    def milliseconds(self) -> float:
        """Milliseconds of training an image."""
        done: dict[str, Any] = json.loads((self.folder / "done.json").read_text(encoding="utf-8"))
        return float(done["ms_an_image"])


def train_peer(peer: Peer, data: Path, out: Path, minutes: float, rate: float) -> PeerRun:
    """Train a peer below `out`. A finished training is not repeated."""
    folder = out / f"{peer.name.replace(' ', '-')}-{minutes:g}-{rate:g}"
    if not (folder / "done.json").is_file():
        print(f"{folder}: {minutes:g} minutes", file=sys.stderr, flush=True)
        line = [peer.interpreter, peer.script, data, folder, *peer.arguments, "--minutes", minutes, "--rate", rate]
        out.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.log").open("w") as log:
            subprocess.run([str(part) for part in line], check=True, stdout=log, stderr=log)
    return PeerRun(folder, rate)


def train_at_best_rate(
    peer: Peer, data: Path, out: Path, minutes: Sequence[float], rates: Sequence[float], score: Callable[[Path], float]
) -> dict[float, PeerRun]:
    """Return a training for each of `minutes`, at the rate that does best in the shortest of them.

    `score` is that of a folder of predictions of the validation images.
    """
    shortest, *longer = sorted(minutes)
    runs = [train_peer(peer, data, out, shortest, peer.rate_factor * rate) for rate in rates]
    best = max(runs, key=lambda run: score(run.folder / "val"))
    return {shortest: best} | {length: train_peer(peer, data, out, length, best.rate) for length in longer}
