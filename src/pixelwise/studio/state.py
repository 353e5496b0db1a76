"""`Studio`: what the parts of the server share, and what the page is told of the project."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from pixelwise.core.errors import PixelwiseError
from pixelwise.labels.history import format_color
from pixelwise.labels.project import Outcome, Project
from pixelwise.studio.events import EventHub, format_event
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.saver import Saver


class Studio:
    """An open project and everything that works on it. Ends with `close`.

    Parameters
    ----------
    project
        The project. It is closed with the studio.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.hub = EventHub()
        self.pictures = Pictures(project.images, project.folder.studio / "tiles")
        self.saver = Saver(project.flush, self._tell_of_trouble)

    def close(self) -> None:
        """End what works in the background, and write everything."""
        self.hub.close()
        self.saver.close()
        self.project.close()

    def _tell_of_trouble(self, error: PixelwiseError) -> None:
        print(f"warning: {error}", file=sys.stderr)
        self.hub.publish("project", {"problem": str(error)})

    def after_action(self, kind: str, image: str | None, outcome: Outcome, client: str) -> None:
        """Have an action followed: masks are written soon, and every client is told."""
        self.saver.wake()
        self.hub.publish("action", self.describe_action(kind, image, outcome, client), outcome.number)
        if image is None or kind in ("mark_test", "mark_done"):
            self.hub.publish("project", {"number": outcome.number})

    def describe_action(self, kind: str, image: str | None, outcome: Outcome, client: str) -> dict[str, Any]:
        """Return an event's data."""
        return {
            "number": outcome.number,
            "type": kind,
            "image": None if image is None else self.project.number_of(image),
            "client": client,
            "changed_box_tlbr": outcome.changed_box_tlbr,
        }

    def replay(self, after: int, most: int) -> list[str]:
        """Return the events of the actions after a number, for a client that missed them; where they are too many, one
        that has it fetch everything anew."""
        project = self.project
        last = project.number
        if last - after > most:
            return [format_event("project", {"number": last, "reload": True}, last)]
        texts = []
        for number in range(after + 1, last + 1):
            entry = project.journal.read(number)
            image = entry.get("image")
            known = image if image in project.names else None
            box = None if known is None else (0, 0, *project.images[project.number_of(known)].size)
            data = self.describe_action(entry["type"], known, Outcome(number, box), entry.get("client", ""))
            texts.append(format_event("action", data, number))
        return texts

    def describe(self) -> dict[str, Any]:
        """Return what `GET /api/project` answers."""
        project = self.project
        return {
            "name": project.folder.root.resolve().name,
            "path": str(project.folder.root.resolve()),
            "number": project.number,
            "classes": self.describe_classes(),
            "images": [self.describe_image(number) for number in range(len(project.images))],
            "sample": project.settings.sample,
            "problems": project.problems,
            "labelling_seconds": round(project.history.labelling_seconds, 1),
            "training": {"state": "idle", "share": 0.0, "remaining_seconds": None, "score": None, "run": None},
            "live": {"paused": False, "model": 0, "available": False},
        }

    def describe_classes(self) -> list[dict[str, Any]]:
        """Return the classes with the number of their pixels in all images."""
        project = self.project
        total: dict[int, int] = {}
        for image in project.images:
            for value, count in project.counts(image.name).items():
                total[value] = total.get(value, 0) + count
        pairs = zip(project.classes.names, project.classes.colors, strict=True)
        return [
            {"index": index, "name": name, "color": format_color(color), "pixels": total.get(index, 0)}
            for index, (name, color) in enumerate(pairs)
        ]

    def describe_image(self, number: int) -> dict[str, Any]:
        """Return the entry of an image."""
        project = self.project
        image = project.images[number]
        history = project.history.of(image.name)
        height, width = image.size
        labelled = sum(project.counts(image.name).values()) / (height * width)
        return {
            "id": number,
            "name": image.name,
            "height": height,
            "width": width,
            "state": "done" if history.is_done else "strokes" if labelled else "untouched",
            "test": history.is_test,
            "labelled": labelled,
            "objects": project.object_count(image.name),
            "deep": self.pictures.is_deep(number),
            "thumbnail": _revision(image.name),
            "undo": bool(history.done),
            "redo": bool(history.undone),
        }


def _revision(name: str) -> str:
    """Return what stands for the content of an image in addresses."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
