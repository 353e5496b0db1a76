"""`Studio`: the state that the parts of the server share, and the description of the project for the page."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from pixelwise.core.errors import PixelwiseError
from pixelwise.core.text import escape_controls
from pixelwise.data import written_layouts
from pixelwise.labels.action_checks import PIXEL_TYPES
from pixelwise.labels.corrections import Corrector
from pixelwise.labels.history import format_color
from pixelwise.labels.project import Outcome, Project
from pixelwise.studio.events import EventHub, format_event
from pixelwise.studio.live import LIVE, LiveWorker
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.predictors import RunPredictor
from pixelwise.studio.saver import Saver
from pixelwise.studio.scores import ScoreCurve
from pixelwise.studio.training import Training


class Studio:
    """An open project, with its background threads. It must be closed.

    Parameters
    ----------
    project
        The project. It is closed with the studio.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.key = hashlib.sha256(os.fsencode(project.folder.root.resolve())).hexdigest()[:16]
        """Identifies the project, for a page that was left open while the server was restarted with another one."""
        self.hub = EventHub()
        self.pictures = Pictures(project.images, project.folder.studio / "tiles", self._tell_of_picture)
        self.saver = Saver(self._save, self._tell_of_trouble)
        self.curve = ScoreCurve(project)
        self.live = LiveWorker(project, self.pictures, self.hub, self.curve)
        self.training = Training(project, self.curve, self._tell_of_training, self._show_trained)
        self.asked: dict[int, list[tuple[int, int]]] = {}
        """The points of each image that were suggested."""

    def close(self) -> None:
        """End the background threads, and write everything."""
        self.hub.close()
        self.saver.close()
        self.training.close()
        self.live.close()
        self.pictures.close()
        self.project.close()

    def tell_project(self) -> None:
        """Make every client load the project again."""
        self.hub.publish("project", {"number": self.project.number})

    def _save(self) -> None:
        """Write the masks, and tell every client what was noticed."""
        known = len(self.project.problems)
        try:
            self.project.flush()
        finally:
            for problem in self.project.problems[known:]:
                self.hub.publish("project", {"problem": escape_controls(problem)})

    def _tell_of_training(self) -> None:
        self.hub.publish("training", self.training.describe())

    def _tell_of_picture(self, number: int, share: float) -> None:
        """Make clients load the coarse tiles of an image again."""
        self.hub.publish("picture", {"image": number, "share": share})

    def _show_trained(self, run: Path) -> None:
        """Show the prediction of a run that has just finished where it is better than the live model, that of the live
        model where this is better; where nobody can tell, what is shown stays."""
        comparison = self.training.comparison(run.name)
        better = None if comparison is None else comparison.better
        try:
            if better == "net":
                self.show_run(run.name, run)
            elif better == "live" and self.live.use != LIVE:
                self.live.show(LIVE, None)
        except PixelwiseError as error:
            self._tell_of_trouble(error)
            return
        self.tell_project()

    def offer_model(self, path: Path) -> None:
        """Show the prediction of an external model. Raises as `RunPredictor`."""
        name = path.name or str(path)
        self.show_run(name, path)
        self.training.models[name] = path

    def show_run(self, name: str, path: Path) -> None:
        """Show the prediction of a model file. Raises as `RunPredictor`, and `OptionError` where the model has none of
        the project's classes."""
        run = RunPredictor(path, self.pictures)
        run.require_classes(self.project.classes)
        self.live.show(name, run)

    def correct(self, number: int) -> Corrector:
        """Return the `Corrector` for actions of an image that need its pixels or its prediction."""
        return Corrector(self.pictures.of(number), self.live.store.of(number), self.project.classes)

    def _tell_of_trouble(self, error: PixelwiseError) -> None:
        print(f"warning: {error}", file=sys.stderr)
        self.hub.publish("project", {"problem": str(error)})

    def after_action(self, kind: str, image: str | None, outcome: Outcome, client: str) -> None:
        """Process an action that was done: schedule the writing of masks, wake the live model, and notify all
        clients."""
        self.saver.wake()
        if image is None or kind in PIXEL_TYPES or kind in ("undo", "redo", "mark_test"):
            self.live.follow(None if image is None else self.project.number_of(image))
        self.hub.publish("action", self.describe_action(kind, image, outcome, client), outcome.number)
        if image is None or kind in ("mark_test", "mark_done"):
            self.hub.publish("project", {"number": outcome.number})

    def describe_action(self, kind: str, image: str | None, outcome: Outcome, client: str) -> dict[str, Any]:
        """Return the data of an action's event."""
        return {
            "number": outcome.number,
            "type": kind,
            "image": None if image is None else self.project.number_of(image),
            "client": client,
            "changed_box_tlbr": outcome.changed_box_tlbr,
        }

    def replay(self, after: int, most: int) -> list[str]:
        """Return the events of the actions after a number, for a client that missed them. If there are too many, return
        one event that makes it load everything again."""
        project = self.project
        last = project.number
        if not 0 <= last - after <= most:  # below 0: the client comes from another project
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
        """Return the answer to `GET /api/project`."""
        project, training = self.project, self.training.describe()
        root, classes = project.folder.root.resolve(), self.describe_classes()
        run, has_labels = self.run_to_export(), sum(entry["pixels"] > 0 for entry in classes) > 1
        return {
            "key": self.key,
            "name": escape_controls(root.name),
            "path": escape_controls(root),
            "number": project.number,
            "classes": classes,
            "indices": project.history.class_number,
            "images": [self.describe_image(number) for number in range(len(project.images))],
            "sample": project.settings.sample,
            "problems": [escape_controls(problem) for problem in project.problems],
            "labelling_seconds": round(project.history.labelling_seconds, 1),
            "training": training,
            "live": self.live.describe(),
            "layouts": written_layouts(),
            "exports": {"model": run is not None, "report": run is not None, "run": run, "live": has_labels},
        }

    def run_to_export(self) -> str | None:
        """Return the name of the run whose prediction is shown, else of the newest one; `None` where there is none.
        An external model needs no export."""
        runs = self.training.finished()
        return self.live.use if self.live.use in runs else runs[-1] if runs else None

    def describe_classes(self) -> list[dict[str, Any]]:
        """Return the classes with their numbers of pixels over all images."""
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
            "thumbnail": self.pictures.thumbnail_key(number),
            "undo": project.history.can_step("undo", image.name),
            "redo": project.history.can_step("redo", image.name),
        }
