"""`Problem`: one thing that is wrong with a data set, or was assumed about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """With which file (or directory, for the whole set), of which of `examine.KINDS`, and what to do about it."""

    file: Path
    kind: str
    message: str
