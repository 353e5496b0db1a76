"""From 40 micrographs without labels to a trained model, through the studio as a person would work.

    python -m lab.studio_session DSB2018 OUT [--images 40] [--minutes 2] [--labelling 7] [--seed 0]

Starts `pixelwise studio` on fluorescence images of DSB2018 (see `lab.nuclei`) and does by HTTP what the page does for a
person, who is simulated from the true objects: strokes on the first images, then one image after the other that the
studio suggests, where all proposed objects are accepted, wrong ones split, deleted or outlined, and the rest marked as
background; one image is marked as test. Then a training of single objects, its model.onnx and its report. What the
machine takes is measured, what the person does is counted in seconds. Writes docs/experiments/studio_session.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lab.label_objects import (
    FIRST_STROKES,
    LEAST_WRONG,
    LENGTH,
    MORE_STROKES,
    WIDTHS,
    Photo,
    objects_of,
    read_photo,
)
from lab.nuclei import read_index
from lab.page import format_page, format_table
from lab.store import Places, Store, make_origin, start_suite
from lab.studio_client import Client, outline_of, run_studio
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.inference.loading import load
from pixelwise.instances.overlap import count_overlaps
from pixelwise.labels.simulate import simulate_strokes
from pixelwise.labels.strokes import paint_stroke
from pixelwise.metrics.instances import InstanceScorer, InstanceScores

CLASSES = "background,nucleus,border"
DRAWN, TESTS = 3, 1
"""Images that strokes are drawn on, and images that are marked as test, of those whose objects are accepted."""
MOST_FIXES = 12
"""Corrections of an image above which the person goes on with another."""
RIGHT = 0.6
"""The IoU with a true object from which on a person lets a proposed one stand."""
SECONDS = {"look": 5.0, "stroke": 3.0, "key": 1.0, "split": 3.0, "delete": 4.0, "outline": 8.0}
"""What a person is taken to need for looking at an image, a stroke, a key, parting an object by two clicks, deleting
one and wiping its labels off, and outlining one."""
TEXT = """\
{images} fluorescence images of the Data Science Bowl 2018 without labels. The person is simulated from the true
labels. Looking at an image counts {look:g} s, a stroke {stroke:g} s, a key {key:g} s, splitting an object {split:g}
s, deleting one {delete:g} s, an outline {outline:g} s. The person waits for the machine and does nothing meanwhile,
so the sum is an upper bound. An object is right if its IoU with a true one is {right} or more. An image that needs
more than {fixes} corrections is skipped. The trained model is scored on the {tests} test images of the data set,
which the studio never saw: TP / (TP + FN + FP) at an IoU of 0.5 over all objects; the mean over images is in
brackets."""


class Person:
    """Somebody at the studio: what they did, and how long it took."""

    def __init__(self, client: Client, photos: Sequence[Photo]) -> None:
        self.client, self.photos = client, photos
        self.seconds = 0.0
        self.counts: dict[str, int] = {}

    def do(self, what: str, image: int, *actions: dict[str, Any]) -> None:
        """Send what one gesture makes, and count its seconds."""
        self.seconds += SECONDS[what]
        self.counts[what] = self.counts.get(what, 0) + 1
        for action in actions:
            self.client.act(image, action)

    def look(self, image: int) -> None:
        """Open an image, and wait until its prediction is there, if there is a model."""
        self.do("look", image)
        self.client.view(image, self.photos[image].classes.shape)

    def draw(self, image: int, todo: np.ndarray, counts: Sequence[int]) -> None:
        """Draw strokes where `todo` has classes."""
        photo = self.photos[image]
        for class_index, count in enumerate(counts):
            of_class = np.where(todo == class_index, todo, np.uint8(IGNORE_INDEX)).astype(np.uint8)
            if (of_class == class_index).sum() < LEAST_WRONG:
                continue
            strokes = simulate_strokes(of_class, image, per_class=count, length=LENGTH, width=WIDTHS[class_index])
            for stroke, _ in strokes:
                paint_stroke(photo.labels, stroke, class_index)
                points = [list(point) for point in stroke.points]
                action = {"type": "stroke", "points": points, "width": stroke.width, "class_index": class_index}
                self.do("stroke", image, action)

    def teach(self, image: int) -> None:
        """Draw strokes on an image, look at the prediction, and draw where it is wrong."""
        photo = self.photos[image]
        self.look(image)
        self.draw(image, photo.classes, FIRST_STROKES)
        predicted = self.client.wait_for_prediction(image, photo.classes.shape)
        wrong = (predicted != photo.classes) & (photo.labels == IGNORE_INDEX)
        self.draw(image, np.where(wrong, photo.classes, np.uint8(IGNORE_INDEX)), MORE_STROKES)
        self.client.wait_for_prediction(image, photo.classes.shape)

    def finish(self, image: int) -> bool:
        """Accept all proposed objects, correct them, and mark the rest as background; leave an image that needs too
        much."""
        true = self.photos[image].objects
        self.do("key", image, {"type": "object_accept_all", "whole": True})
        splits = find_splits(self.client.objects(image, true.shape), true)
        if len(splits) > MOST_FIXES:
            return self._leave(image, 0)
        for points in splits:
            self.do("split", image, {"type": "object_split", "points": points})
        proposed = self.client.objects(image, true.shape)
        bad, missing = find_mistakes(proposed, true)
        if len(splits) + len(bad) + len(missing) > MOST_FIXES:
            return self._leave(image, len(splits))
        for object_id in bad:
            outline = outline_of(proposed == object_id)
            erase = {"type": "polygon", "points": outline, "class_index": IGNORE_INDEX}
            self.do("delete", image, {"type": "object_delete", "object_id": object_id}, erase)
        for number in missing:
            points = outline_of(true == number)
            inside = middle_of(true == number)
            polygon = {"type": "polygon", "points": points, "class_index": 1}
            self.do("outline", image, polygon, {"type": "object_add", "point": inside})
        self.do("key", image, {"type": "clean", "class_index": 0})
        self.do("key", image, {"type": "mark_done", "value": True})
        return True

    def _leave(self, image: int, splits: int) -> bool:
        for _ in range(splits + 1):
            self.do("key", image, {"type": "undo"})
        return False


def _pairs(proposed: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return the ids of both maps, in the order of the overlaps' positions, and the overlaps."""
    overlaps = count_overlaps(objects_of(proposed), objects_of(true))
    ids = [np.unique(values[values > 0]) for values in (proposed, true)]
    return ids[0], ids[1], overlaps


def find_splits(proposed: np.ndarray, true: np.ndarray) -> list[list[list[float]]]:
    """Return a point in each true object of those proposed objects that hold several for the most part."""
    proposed_ids, true_ids, overlaps = _pairs(proposed, true)
    holds = overlaps.shared > 0.5 * overlaps.true_areas[overlaps.true]
    points = []
    for position, object_id in enumerate(proposed_ids.tolist()):
        parts = overlaps.true[holds & (overlaps.predicted == position)]
        if len(parts) > 1:
            points.append([middle_of((true == true_ids[part]) & (proposed == object_id)) for part in parts])
    return points


def find_mistakes(proposed: np.ndarray, true: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the ids of proposed objects that are wrong, and of true ones that are missing."""
    proposed_ids, true_ids, overlaps = _pairs(proposed, true)
    good = overlaps.iou() >= RIGHT
    bad = np.setdiff1d(proposed_ids, proposed_ids[overlaps.predicted[good]])
    missing = np.setdiff1d(true_ids, true_ids[overlaps.true[good]])
    return bad.tolist(), missing.tolist()


def middle_of(mask: np.ndarray) -> list[float]:
    """Return the pixel of a mask that is nearest to the mean of its pixels."""
    places = np.argwhere(mask)
    row, column = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))].tolist()
    return [row + 0.5, column + 0.5]


def work(client: Client, photos: Sequence[Photo], minutes: float, labelling: float) -> list[tuple[str, float, float]]:
    """Work through the session; return what was done, the person's seconds and the machine's, step by step."""
    person, steps = Person(client, photos), []
    began, before = time.monotonic(), 0.0

    def note(what: str) -> None:
        nonlocal began, before
        now = time.monotonic()
        steps.append((what, person.seconds - before, now - began))
        print(f"{what}: {person.seconds - before:.0f} s of labelling, {now - began:.0f} s of the machine", flush=True)
        began, before = now, person.seconds

    image, drawn = 0, []
    for _ in range(DRAWN):
        person.teach(image)
        drawn.append(image)
        person.do("key", image)
        image = client.suggest_image() if len(drawn) < DRAWN else image
    note(f"strokes on {len(set(drawn))} images: {person.counts['stroke']}")
    finished: list[int] = []
    left: list[int] = []
    for image in [*dict.fromkeys(drawn), *(number for number in range(len(photos)) if number not in drawn)]:
        if person.seconds > 60 * labelling:
            break
        person.look(image)
        client.wait_for_prediction(image, photos[image].classes.shape)
        (finished if person.finish(image) else left).append(image)
    for image in finished[-TESTS:]:
        person.do("key", image, {"type": "mark_test", "value": True})
    fixes = ", ".join(f"{person.counts.get(what, 0)} {what}" for what in ("split", "delete", "outline"))
    note(f"objects accepted on {len(finished)} images, {len(left)} left as they need more; corrections: {fixes}")
    client.train(minutes, "instance")
    note(f"training of {minutes:g} minutes")
    return steps


def score(model: Path, photos: Sequence[Photo], source: Path) -> InstanceScores:
    """Return the scores of a model file on images with their true objects."""
    predictor, scorer = load(model), InstanceScorer(ClassMap.from_names(["background", "nucleus"]))
    for photo in photos:
        objects = predictor.predict(source / "images" / f"{photo.name}.png").instances
        if objects is None:
            raise TypeError(f"{model} is no instance model")
        scorer.update(objects_of(objects.instance_map), objects_of(photo.objects), name=photo.name)
    return scorer.scores()


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a session; the project and what it gave out are left in OUT."""
    rows = [row for row in read_index(args.dsb2018) if row["kind"] == "fluorescence"]
    names = [row["name"] for row in rows if row["split"] == "train"]
    chosen = sorted(names[number] for number in np.random.default_rng(args.seed).permutation(len(names))[: args.images])
    folder, project = args.out / "photos", args.out / "photos-labels"
    shutil.rmtree(args.out, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in chosen:
        shutil.copyfile(args.dsb2018 / "images" / f"{name}.png", folder / f"{name}.png")
    started = time.monotonic()
    with run_studio(folder, project, CLASSES, args.out / "studio.log") as address:
        client = Client(address)
        steps = [("start of the studio", 0.0, time.monotonic() - started)]
        photos = [read_photo(args.dsb2018, Path(image["name"]).stem) for image in client.project()["images"]]
        steps += work(client, photos, args.minutes, args.labelling)
        began = time.monotonic()
        for kind in ("model", "report"):
            client.export(kind)
        steps.append(("model.onnx and the report", 2 * SECONDS["key"], time.monotonic() - began))
        began = time.monotonic()
        client.export("live")
        live_seconds = time.monotonic() - began
        training = client.project()["training"]
    tests = [read_photo(args.dsb2018, row["name"]) for row in rows if row["split"] == "test"]
    scores, live = (score(project / "exports" / f"{name}.onnx", tests, args.dsb2018) for name in ("model", "live"))
    return {
        "steps": steps,
        "own_score": training["score"],
        "dsb": scores.dsb["0.5"],
        "dsb_of_images": scores.dsb_of_images["0.5"],
        "live_dsb": live.dsb["0.5"],
        "live_dsb_of_images": live.dsb_of_images["0.5"],
        "live_seconds": live_seconds,
        "tests": len(tests),
        "images": args.images,
    }


def make_page(store: Store) -> str:
    """Return the page."""
    parts = []
    for name, figures in store.items():
        text = TEXT.format(images=figures["images"], tests=figures["tests"], right=RIGHT, fixes=MOST_FIXES, **SECONDS)
        rows = [(what, f"{person:.0f} s", f"{machine:.0f} s") for what, person, machine in figures["steps"]]
        person, machine = (sum(step[place] for step in figures["steps"]) for place in (1, 2))
        rows.append((f"together {(person + machine) / 60:.1f} minutes", f"{person:.0f} s", f"{machine:.0f} s"))
        result = (
            f"The trained model: {figures['dsb']:.3f} ({figures['dsb_of_images']:.3f}). The file of the live model, "
            f"written afterwards in {figures['live_seconds']:.0f} s: {figures['live_dsb']:.3f} "
            f"({figures['live_dsb_of_images']:.3f})."
        )
        parts += [f"## {name}", text, format_table(("step", "person", "machine"), rows), result]
    return format_page("From micrographs to a model in the studio", store, parts)


def main(arguments: Sequence[str] | None = None, places: Places = Places()) -> None:
    """Run the suite."""
    words, parser = start_suite("studio_session", __doc__, arguments)
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path, help="what is there is replaced")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=2.0, help="of training")
    parser.add_argument("--labelling", type=float, default=7.0, help="minutes after which no further image is begun")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    if not (args.dsb2018 / "index.csv").is_file():
        parser.error(f"{args.dsb2018}: no index.csv; give the data set as described above")
    store, origin = Store("studio_session", places), make_origin("studio_session", words, args)
    name = f"{args.images} images, {args.minutes:g} minutes, seed {args.seed}"
    store.add(name, measure(args), origin)
    page = make_page(store)
    (places.pages / "studio_session.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
