"""The scores of a project over the labelling time, stored beside its journal."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from pixelwise.core.files import read_json_object, write_text
from pixelwise.labels.project import Project


class ScoreCurve:
    """Points `{labelling_seconds, score, split, run, metric}`, oldest first. Methods may be called from any thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()

    @property
    def _path(self) -> Path:
        return self._project.folder.studio / "scores.json"

    def points(self) -> list[dict[str, Any]]:
        """Return all points."""
        points = read_json_object(self._path).get("scores", [])
        return [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []

    def add(self, run: str, score: dict[str, Any]) -> None:
        """Add the score of a run, or of the live model. Raises `OutputError`."""
        seconds = round(self._project.history.labelling_seconds, 1)
        with self._lock:
            points = [*self.points(), {"labelling_seconds": seconds, "run": run, **score}]
            write_text(self._path, json.dumps({"scores": points}))

    def seconds_since(self, run: str) -> float:
        """Return the labelling time since the last point of a run, in seconds."""
        times = [point.get("labelling_seconds") for point in self.points() if point.get("run") == run]
        last = times[-1] if times and isinstance(times[-1], (int, float)) else float("-inf")
        return self._project.history.labelling_seconds - last
