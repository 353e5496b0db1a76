"""The background thread that learns while a person draws, and predicts what is in view.

Requests never wait for it. It always does the most urgent task: first the features in view, then learning from the
newest labels, then the predictions in view, and when nobody draws, everything else. A new stroke ends a fit early.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError, OptionError, OutputError
from pixelwise.labels.boxes import Box, tile_boxes
from pixelwise.labels.project import Project
from pixelwise.studio.events import EventHub
from pixelwise.studio.live_score import measure_on_test
from pixelwise.studio.pictures import Pictures
from pixelwise.studio.prediction_store import PredictionStore, tiles_in
from pixelwise.studio.predictors import RunPredictor
from pixelwise.studio.scores import ScoreCurve

if TYPE_CHECKING:
    from pixelwise.studio.learner import Learner

LIVE = "live"
"""The name of the live model on the page."""
FIT_SECONDS = 0.3
FIRST_FIT_SECONDS = 0.1
"""Duration of the fit right after a stroke, so that a first prediction is shown before the model has converged."""
AGAIN_SECONDS = 10.0
"""Seconds until the next attempt after an error such as a full disk."""
IDLE_SECONDS = 1.5
"""After this many seconds without an action or a change of the view, what is not in view is worked on."""
SURVEYED_TILES = 4
"""The number of tiles that are predicted of an image out of view, to estimate the model's uncertainty."""
VIEW_TILES = 16
"""The most tiles that are predicted of a view, those in its middle."""
MEASURED_SECONDS = 20.0
"""Labelling time between two measurements on the test images."""
WAIT_SECONDS = 60.0
"""The longest time that an action waits for the predictions of an image."""
TOLD_TILES = 4
"""Clients are notified after this many new tiles of a view, and after the last."""
Tile = tuple[int, int]
"""The number of an image, and that of one of its tiles."""


@dataclass(frozen=True)
class View:
    """What a client has in view: an image and a box of its pixels."""

    image: int
    box_tlbr: Box


class LiveWorker:
    """Owns the live model and the predictions of what is in view.

    Parameters
    ----------
    project, pictures, hub
        The labels, the pixels, and the clients to notify.
    curve
        Records the score on test images.

    Attributes
    ----------
    store
        The newest predictions.
    number
        The number of the newest prediction. It grows with every fit and every change of the model.
    learned
        The number of the last action that the model has learned from.
    is_settled
        Whether the model has learned all it can from these labels, or will change without a new one.
    use
        `LIVE`, or the name of the run whose prediction is shown.
    """

    def __init__(self, project: Project, pictures: Pictures, hub: EventHub, curve: ScoreCurve) -> None:
        self._project, self._pictures, self._hub, self._curve = project, pictures, hub, curve
        self._grids = [tile_boxes(image.size) for image in project.images]
        self.store = PredictionStore([image.size for image in project.images])
        self.number, self.learned, self.use = 0, 0, LIVE
        self.is_paused, self.is_settled = False, True
        self.problem = ""
        self._once = False
        self._run: RunPredictor | None = None
        self._learner: Learner | None = None
        self._revision = 0
        self._view: View | None = None
        self._changed = {number for number, image in enumerate(project.images) if project.counts(image.name)}
        self._has_new_labels = False
        self._wanted: list[Tile] = []
        """Tiles, in view or not, for whose newest prediction an action waits."""
        self._version = 0
        """Grows with every action; a fit that began before the last one is outdated."""
        self._last_action = 0.0
        self._survey: dict[int, int] = {}
        """The number of the current prediction when an image was last surveyed."""
        self._broken: set[Tile] = set()
        self._measured = 0
        """The value of `learned` at the last measurement."""
        self._condition = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="pixelwise-live", daemon=True)

    # Called by requests. Nothing here waits for the model.

    def look(self, view: View) -> None:
        """Note what a client has in view; it has priority from now on."""
        with self._condition:
            self._view = view
            self._wake()

    def follow(self, image: int | None) -> None:
        """Note an action on the labels of an image, or, `None`, on the classes."""
        with self._condition:
            if image is None:
                self.store.clear()
                self._survey.clear()
            else:
                self._changed.add(image)
            self._version += 1
            self._wake()

    def _wake(self) -> None:
        self._last_action = time.monotonic()
        self._condition.notify_all()
        if not self._thread.ident and not self._is_closed and self._view is not None:
            self._thread.start()  # which imports torch, not needed before an image is viewed

    def pause(self, *, paused: bool) -> None:
        """Pause learning and predicting, or resume them."""
        with self._condition:
            self.is_paused = paused
            self._wake()

    def ask_once(self) -> None:
        """Learn and predict once while paused."""
        with self._condition:
            self._once = True
            self._wake()

    def predict_all(self, image: int) -> None:
        """Wait until the prediction of a whole image follows from all labels. Does nothing while paused, or where there
        is no model. Raises `OptionError` after a minute."""
        size, end = self._project.images[image].size, time.monotonic() + WAIT_SECONDS
        tiles = [(image, tile) for tile in tiles_in(size, (0, 0, *size))]
        with self._condition:
            self._wanted = tiles
            self._wake()
            while self._works and self._can_predict and not self._is_closed and not self.problem:
                if not (self._changed or self._has_new_labels or self._outdated(tiles)):
                    break
                if not self._condition.wait(end - time.monotonic()) and time.monotonic() >= end:
                    remedy = "Try again in a moment."
                    raise OptionError("prediction", "parts that are older than the labels", "the newest", remedy)
            self._wanted = []

    def show(self, use: str, run: RunPredictor | None) -> None:
        """Show the prediction of a run, or with `None` that of the live model."""
        with self._condition:
            self.use, self._run = use, run
            self.number += 1
            self.store.clear()
            self._survey.clear()
            self._wake()

    @property
    def shown_run(self) -> RunPredictor | None:
        """The model file whose prediction is shown; `None` for the live model."""
        return self._run

    def close(self) -> None:
        """End the thread, and save the live model."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        if self._thread.ident:
            self._thread.join()

    def describe(self) -> dict[str, Any]:
        """Return the state for the page."""
        return {
            "paused": self.is_paused,
            "model": self.number,
            "use": self.use,
            "number": self.learned,
            "settled": self.is_settled,
            "available": self._can_predict,
            "problem": self.problem,
        }

    def embeddings(self) -> dict[int, npt.NDArray[np.float32]]:
        """Return the mean features of the images that have any."""
        learner = self._learner
        return {} if learner is None else learner.embeddings()

    # The thread.

    def _work(self) -> None:
        try:
            from pixelwise.studio.learner import Learner

            learner = self._learner = Learner(self._project, self._pictures, self._project.folder.studio)
            self._revision = learner.revision
            while not self._is_closed:
                version = self._version
                try:
                    if not self._do_most_urgent(learner, version):
                        self._rest(version)
                except OutputError as error:  # such as a full disk, which may be freed
                    self._wait_after(error)
            with contextlib.suppress(OutputError):  # the next process learns from the start
                learner.save()
        except Exception as error:  # drawing continues without the model
            self.problem = f"The live model has stopped: {error}"
            print("".join(traceback.format_exception(error)), file=sys.stderr)
            self._hub.publish("project", {"problem": self.problem})

    def _wait_after(self, error: OutputError) -> None:
        """Report an error once, and wait before the next attempt."""
        if self.problem != str(error):
            self.problem = str(error)
            self._hub.publish("project", {"problem": self.problem})
        again = time.monotonic() + AGAIN_SECONDS
        with self._condition:
            while not self._is_closed and (left := again - time.monotonic()) > 0:
                self._condition.wait(left)

    def _rest(self, version: int) -> None:
        """Wait for something to do, or, where only idle tasks are left, until nobody has drawn for a while."""
        with self._condition:
            self._once = False
            if self._is_closed or self._version != version:
                return
            left = IDLE_SECONDS - (time.monotonic() - self._last_action)
            self._condition.wait(left + 0.01 if left > 0 else None)

    def _do_most_urgent(self, learner: Learner, version: int) -> bool:
        """Do one task of at most about a second; return whether there was one."""
        return (
            self._follow_classes(learner)
            or self._look_at_view(learner)
            or self._read_labels(learner)
            or self._learn(learner, version)
            or self._predict_view(learner)
            or self._settle(learner, version)
            or self._predict_wanted(learner)
            or self._prepare_others(learner)
            or self._measure(learner, version)
        )

    @property
    def _works(self) -> bool:
        return not self.is_paused or self._once

    @property
    def _can_predict(self) -> bool:
        return self._run is not None or (self.use == LIVE and self._revision > 0)

    def _follow_classes(self, learner: Learner) -> bool:
        if not learner.follow_classes():
            return False
        with self._condition:
            self.store.clear()
            self._changed |= {number for number, image in enumerate(self._project.images) if self._labelled(image.name)}
        return True

    def _labelled(self, name: str) -> bool:
        return self._project.history.of(name).last > 0

    def _view_tiles(self) -> list[Tile]:
        """Return the tiles in view, those in the middle of it first."""
        view = self._view
        if view is None:
            return []
        grid = self._grids[view.image]
        middle = [view.box_tlbr[axis] + view.box_tlbr[axis + 2] for axis in (0, 1)]

        def distance(tile: int) -> int:
            return max(abs(grid[tile][axis] + grid[tile][axis + 2] - middle[axis]) for axis in (0, 1))

        tiles = tiles_in(self._project.images[view.image].size, view.box_tlbr)
        nearest = sorted(tiles, key=distance)[:VIEW_TILES]
        return [(view.image, tile) for tile in nearest if (view.image, tile) not in self._broken]

    def _look_at_view(self, learner: Learner) -> bool:
        """Compute the features of one tile in view."""
        if self._run is not None:
            return False
        missing = [tile for tile in self._view_tiles() if not learner.has_features(*tile)]
        return bool(missing) and self._compute_features(learner, missing[0])

    def _compute_features(self, learner: Learner, tile: Tile) -> bool:
        image, number = tile
        try:
            learner.compute_features(image, number)
        except ImageError as error:
            self._give_up(tile, error)
            return True
        count = len(self._grids[image])
        done = sum(learner.has_features(image, other) for other in range(count))
        self._hub.publish("features", {"image": image, "tile": number, "done": done, "all": count})
        return True

    def _give_up(self, tile: Tile, error: ImageError) -> None:
        """Skip a tile that cannot be read from now on, and report it."""
        self._broken.add(tile)
        self._hub.publish("project", {"problem": str(error)})

    def _read_labels(self, learner: Learner) -> bool:
        if not self._works:
            return False
        with self._condition:
            changed, self._changed = self._changed, set()
        if not changed:
            return False
        self.learned = self._project.number
        left = learner.read_labels(sorted(changed))
        with self._condition:
            self._changed |= set(left)
        self._has_new_labels = True
        return True

    def _learn(self, learner: Learner, version: int) -> bool:
        """Fit once after the labels have changed. Missing features of labelled tiles in this image are computed
        first."""
        if not (self._works and self._has_new_labels):
            return False
        here = None if self._view is None else self._view.image
        missing = [tile for tile in learner.missing() if tile[0] == here and tile not in self._broken]
        if missing:
            return self._compute_features(learner, missing[0])
        self._has_new_labels = False
        self._fit(learner, version, FIRST_FIT_SECONDS if learner.revision else FIT_SECONDS)
        return True

    def _fit(self, learner: Learner, version: int, seconds: float = FIT_SECONDS) -> None:
        revision = learner.fit(seconds, lambda: self._version != version or self._is_closed)
        if revision != self._revision:
            self._revision = revision
            if self._run is None:
                self.number += 1

    def _predict_view(self, learner: Learner) -> bool:
        """Predict one tile in view whose prediction is older than the model."""
        if not (self._works and self._can_predict):
            return False
        outdated = self._outdated(self._view_tiles())
        if not outdated:
            return False
        self._predict(learner, outdated[0])
        if len(outdated) % TOLD_TILES == 1:
            self.is_settled = self._run is not None or learner.is_settled
            data = {"model": self.number, "image": outdated[0][0], "number": self.learned, "use": self.use}
            self._hub.publish("model", {**data, "settled": self.is_settled})
        return True

    def _outdated(self, tiles: list[Tile]) -> list[Tile]:
        """Return the tiles whose prediction is older than the model, but for those that cannot be read."""
        return [tile for tile in tiles if tile not in self._broken and self.store.number_of(*tile) < self.number]

    def _predict_wanted(self, learner: Learner) -> bool:
        """Predict one tile for which an action waits."""
        outdated = self._outdated(self._wanted) if self._works and self._can_predict else []
        if outdated:
            self._predict(learner, outdated[0])
        with self._condition:
            self._condition.notify_all()
        return bool(outdated)

    def _predict(self, learner: Learner, tile: Tile) -> None:
        image, number = tile
        current, run, classes = self.number, self._run, learner.classes
        try:
            if run is None:
                prediction = learner.predict(image, number)
            else:
                prediction = run.predict(image, self._project.images[image].size, self._grids[image][number], classes)
        except ImageError as error:
            self._give_up(tile, error)
            return
        if self._run is run and self._project.classes is classes:
            self.store.put(image, number, replace(prediction, number=current))

    def _settle(self, learner: Learner, version: int) -> bool:
        """Continue to learn from the same labels until the model has settled."""
        if not self._works or not learner.revision or learner.is_settled:
            return False
        while not (learner.is_settled or self._version != version or self._is_closed):
            self._fit(learner, version)
        return True

    def _prepare_others(self, learner: Learner) -> bool:
        """Compute features and predictions of one tile that is not in view; done when nobody draws."""
        if not self._works or time.monotonic() - self._last_action < IDLE_SECONDS:
            return False
        for tile in self._others(learner):
            if tile in self._broken:
                continue
            if self._run is None and not learner.has_features(*tile):
                return self._compute_features(learner, tile)
            if self._can_predict and self.store.number_of(*tile) < self._survey.setdefault(tile[0], self.number):
                self._predict(learner, tile)
                return True
        return False

    def _measure(self, learner: Learner, version: int) -> bool:
        """Record the score on the test images now and then."""
        if not self._works or not learner.revision or self._measured == self.learned:
            return False
        if self._curve.seconds_since(LIVE) < MEASURED_SECONDS:
            return False
        score = measure_on_test(self._project, learner.predict, lambda: self._version != version or self._is_closed)
        if self._version != version or self._is_closed:
            return True
        self._measured = self.learned
        if score is not None:
            self._curve.add(LIVE, {"score": round(score, 4), "split": "test", "metric": "mIoU"})
            self._hub.publish("project", {"number": self._project.number})
        return True

    def _others(self, learner: Learner) -> Iterator[Tile]:
        """Yield tiles to prepare: labelled ones, then some of each image, beginning with the image in view."""
        yield from learner.missing()
        here = 0 if self._view is None else self._view.image
        for image in (*range(here, len(self._grids)), *range(here)):
            count = len(self._grids[image])
            step = max(1, count // SURVEYED_TILES)
            yield from ((image, tile) for tile in range(step // 2, count, step))
