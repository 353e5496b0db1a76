"""Nuclei from strokes on five images: the live model's objects, and those of a short training on what was accepted.

    python -m lab.label_objects DSB2018 OUT [--seeds 0 1 2] [--minutes 2] [--split test] [--rounds 3]

DSB2018 holds images/, instances/ and index.csv (see `lab.nuclei`); its fluorescence images count. A person is
simulated, from the true objects: a few strokes on each of five random training images in background, interior and rim
of nuclei, then rounds of strokes where the live prediction is wrong, then the proposed objects are accepted, the others
outlined, and the images marked clean. The live model's objects are scored on all images of `--split`; so are those of
`pixelwise train --task instance` for `--minutes` on the five images. Writes docs/experiments/label_objects.md.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lab.nuclei import read_index
from lab.page import format_page, format_table
from lab.schedule import Training, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite
from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.instances.objects import Objects, renumber
from pixelwise.instances.overlap import count_overlaps
from pixelwise.instances.separation import separate_objects
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import SETTLED_STEPS, LiveModel
from pixelwise.labels.simulate import simulate_strokes
from pixelwise.labels.strokes import paint_stroke
from pixelwise.metrics.instances import InstanceScorer, InstanceScores

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]

BACKGROUND, INTERIOR, RIM = range(3)
CLASSES = ClassMap.from_names(["background", "nucleus"])
IMAGES = 5
FIRST_STROKES, MORE_STROKES = (3, 4, 4), (3, 3, 3)
"""Strokes in background, interior and rim of an image, at first and in each round of corrections."""
LENGTH, WIDTHS = 30, (3.0, 2.0, 2.0)
"""Of the strokes, in pixels."""
FIT_STEPS = SETTLED_STEPS
"""Of the fit after the first strokes and after each round: figures do not depend on what else the machine does."""
LEAST_WRONG = 20
"""Pixels of a class that are wrong before a person corrects them."""
ACCEPTED = 0.7
"""The IoU with a true object from which on a person accepts a proposed one."""
SECONDS = {"image": 5.0, "stroke": 3.0, "accept": 1.5, "outline": 8.0}
"""What a person is taken to need for opening an image, a stroke, accepting an object, and outlining one."""
STARDIST = 0.864
TEXT = """\
Fluorescence images of the Data Science Bowl 2018. The person is simulated, from the true objects of {images} random
training images. The person first draws strokes in background, interior and rim of nuclei, and then rounds of strokes
where the live prediction is wrong. At the end the person accepts each proposed object with an IoU of {accepted} or
more, and outlines the others. Opening an image counts {image:g} s, a stroke {stroke:g} s, accepting {accept:g} s, an
outline {outline:g} s.

Each heading names the split that is scored, the rounds of strokes, and the minutes of training on the accepted and
outlined objects (0: no training). "Live" is the score of the live model after the strokes, "trained" that of the
training. Scores are TP / (TP + FN + FP) at an IoU of 0.5 over all objects of the split; the mean over images is in
brackets. For comparison: StarDist, trained on 447 images, reaches {stardist} on a test split of the same size
(Schmidt et al., MICCAI 2018, arXiv:1806.03535). To do the same by hand: [Nuclei without masks, step by
step](../guides/objects.md#nuclei-without-masks-step-by-step)."""
HEAD = (
    *("seed", "strokes", "labelled", "minutes of strokes", "live"),
    *("accepted / outlined", "minutes of these", "trained"),
)


@dataclass
class Photo:
    """A training image with its true classes and objects, and the labels that the person gave it so far."""

    name: str
    image: UInt8
    classes: UInt8
    objects: Int32
    labels: UInt8 = field(init=False)

    def __post_init__(self) -> None:
        self.labels = np.full(self.classes.shape, IGNORE_INDEX, np.uint8)


def read_photo(source: Path, name: str) -> Photo:
    """Return an image of the data set."""
    with Image.open(source / "images" / f"{name}.png") as file:
        image = np.asarray(file.convert("RGB"))
    with Image.open(source / "instances" / f"{name}.png") as file:
        objects = np.asarray(file).astype(np.int32)
    return Photo(name, image, classes_of(objects), objects)


def classes_of(objects: Int32) -> UInt8:
    """Return background, interior and rim, two pixels wide, of an instance map; no class two pixels around objects.

    A person is not sure of these, and does not draw there.
    """
    inside = ndimage.maximum_filter(objects, 3) == ndimage.minimum_filter(objects, 3)
    label_map = np.full(objects.shape, BACKGROUND, np.uint8)
    label_map[ndimage.binary_dilation(objects > 0, iterations=2)] = IGNORE_INDEX
    label_map[objects > 0] = np.where(inside, INTERIOR, RIM)[objects > 0]
    return label_map


def draw_strokes(photo: Photo, todo: UInt8, counts: Sequence[int], seed: int) -> int:
    """Draw strokes where `todo` has classes, and return their number."""
    drawn = 0
    for class_index, count in enumerate(counts):
        of_class = np.where(todo == class_index, todo, np.uint8(IGNORE_INDEX))
        if (of_class == class_index).sum() < LEAST_WRONG:
            continue
        options = {"per_class": count, "length": LENGTH, "width": WIDTHS[class_index]}
        for stroke, _ in simulate_strokes(of_class, 10 * seed + class_index, **options):  # type: ignore[arg-type]
            paint_stroke(photo.labels, stroke, class_index)
            drawn += 1
    return drawn


class Session:
    """A live model that a person teaches on some photos."""

    def __init__(self, photos: Sequence[Photo], folder: Path, seed: int) -> None:
        self.photos = photos
        self.model = LiveModel(3, folder, seed=seed)
        self.seed = seed
        self.strokes = 0
        for photo in photos:
            self._add(photo)

    def label(self, rounds: int) -> None:
        """Draw the first strokes, then rounds of strokes on what the model gets wrong."""
        for number in range(rounds + 1):
            for photo in self.photos:
                todo, counts = photo.classes, FIRST_STROKES
                if number:
                    label_map = self._predict(photo)
                    wrong = (label_map != photo.classes) & (photo.labels == IGNORE_INDEX)
                    todo, counts = np.where(wrong, photo.classes, np.uint8(IGNORE_INDEX)), MORE_STROKES
                self.strokes += draw_strokes(photo, todo, counts, 100 * self.seed + number)
                rows, columns = np.nonzero(photo.labels != IGNORE_INDEX)
                self.model.set_pixels(photo.name, rows, columns, photo.labels[rows, columns])
            while self.model.missing_tiles():
                self.model.compute_features(*self.model.missing_tiles()[0])
            self.model.fit(steps=FIT_STEPS)

    def find_objects(self, photo: Photo) -> Int32:
        """Return the objects that the live model proposes."""
        self._add(photo)
        label_map = self._predict(photo)
        return separate_objects(label_map == INTERIOR, label_map == RIM)

    def _add(self, photo: Photo) -> None:
        self.model.add_image(photo.name, ArrayImage(photo.image))

    def _predict(self, photo: Photo) -> UInt8:
        """Return the label map."""
        label_map = np.empty(photo.classes.shape, np.uint8)
        for tile, (top, left, bottom, right) in enumerate(self.model.tiles(photo.name)):
            label_map[top:bottom, left:right] = self.model.predict(photo.name, tile).label_map
        return label_map


def objects_of(instance_map: Int32) -> Objects:
    """Return the objects of an instance map, all of class 1 and score 1."""
    numbers, ids = renumber(instance_map)
    return Objects(numbers, np.ones(len(ids), np.int32), np.ones(len(ids), np.float32))


def correct_objects(proposed: Int32, true: Int32) -> tuple[Int32, int, int]:
    """Return the objects after a person has accepted proposed ones and outlined the others, and the number of each."""
    predicted, target = objects_of(proposed), objects_of(true)
    overlaps = count_overlaps(predicted, target)
    good = overlaps.iou() >= ACCEPTED
    accepted = dict(zip(overlaps.true[good].tolist(), overlaps.predicted[good].tolist(), strict=True))
    corrected = np.zeros(true.shape, np.int32)
    for index in range(len(target)):
        if index in accepted:
            corrected[predicted.instance_map == accepted[index] + 1] = index + 1
    for index in range(len(target)):
        if index not in accepted:
            corrected[(target.instance_map == index + 1) & (corrected == 0)] = index + 1
    return corrected, len(accepted), len(target) - len(accepted)


def write_labels(photos: Sequence[tuple[Photo, Int32]], out: Path, split: str) -> None:
    """Write images with their instance maps and masks, as a data set's split."""
    for photo, objects in photos:
        for folder, values in (
            ("images", photo.image),
            ("masks", (objects > 0).astype(np.uint8)),
            ("instances", objects.astype(np.uint16)),
        ):
            (out / split / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(out / split / folder / f"{photo.name}.png")
    (out / "classes.yaml").write_text("classes: [background, nucleus]\n")


def score_live(session: Session, photos: Sequence[Photo]) -> InstanceScores:
    """Return the scores of the live model's objects."""
    scorer = InstanceScorer(CLASSES)
    for photo in photos:
        scorer.update(objects_of(session.find_objects(photo)), objects_of(photo.objects), name=photo.name)
    return scorer.scores()


def measure(args: argparse.Namespace, seed: int, train: Training) -> dict[str, float]:
    """Return the figures of a seed."""
    rows = [row for row in read_index(args.dsb2018) if row["kind"] == "fluorescence"]
    names = [row["name"] for row in rows if row["split"] == "train"]
    chosen = np.random.default_rng((seed, IMAGES)).choice(len(names), IMAGES, replace=False)
    photos = [read_photo(args.dsb2018, names[index]) for index in chosen]
    tests = [read_photo(args.dsb2018, row["name"]) for row in rows if row["split"] == args.split]
    session = Session(photos, args.out / "features", seed)
    session.label(args.rounds)
    live = score_live(session, tests)
    figures: dict[str, float] = {
        "strokes": session.strokes,
        "labelled": float(np.concatenate([photo.labels.ravel() != IGNORE_INDEX for photo in photos]).mean()),
        "stroke_seconds": IMAGES * SECONDS["image"] + session.strokes * SECONDS["stroke"],
        "live": live.dsb["0.5"],
        "live_of_images": live.dsb_of_images["0.5"],
    }
    if args.minutes:
        data = args.out / f"labels-{args.split}-{seed}"
        corrected = [correct_objects(session.find_objects(photo), photo.objects) for photo in photos]
        write_labels(list(zip(photos, [objects for objects, _, _ in corrected], strict=True)), data, "train")
        write_labels([(photo, photo.objects) for photo in tests], data, "test")
        figures["accepted"] = sum(accepted for _, accepted, _ in corrected)
        figures["outlined"] = sum(outlined for _, _, outlined in corrected)
        seconds = figures["accepted"] * SECONDS["accept"] + figures["outlined"] * SECONDS["outline"]
        figures["object_seconds"] = seconds
        options = ["--task", "instance", "--rotate", "--seed", str(seed)]
        scores = train(data, args.out / f"run-{args.split}-{args.minutes:g}-{seed}", args.minutes, options)
        figures |= {"trained": scores["dsb"]["0.5"], "trained_of_images": scores["dsb_of_images"]["0.5"]}
    return figures


def format_row(seed: str, figures: dict[str, float]) -> list[str]:
    """Return a row of the table."""
    row = [seed, f"{figures['strokes']:.0f}", f"{figures['labelled']:.1%}", f"{figures['stroke_seconds'] / 60:.0f}"]
    row.append(f"{figures['live']:.3f} ({figures['live_of_images']:.3f})")
    if "trained" not in figures:
        return [*row, "", "", ""]
    accepted = f"{figures['accepted']:.0f} / {figures['outlined']:.0f}"
    trained = f"{figures['trained']:.3f} ({figures['trained_of_images']:.3f})"
    return [*row, accepted, f"{figures['object_seconds'] / 60:.0f}", trained]


def make_page(store: Store) -> str:
    """Return the page. An entry is called `SPLIT, ROUNDS rounds, MINUTES minutes, seed SEED`."""
    parts = TEXT.format(images=IMAGES, accepted=ACCEPTED, stardist=STARDIST, **SECONDS).split("\n\n")
    for name in dict.fromkeys(entry.rpartition(", ")[0] for entry in store):
        rows = {entry.rpartition(" ")[2]: store[entry] for entry in store if entry.rpartition(", ")[0] == name}
        values = {key: statistics.mean(row[key] for row in rows.values()) for key in next(iter(rows.values()))}
        table = format_table(HEAD, [*(format_row(*row) for row in rows.items()), format_row("mean", values)])
        parts += [f"## {name}", table]
    return format_page("Nuclei from strokes on five images", store, parts)


def main(
    arguments: Sequence[str] | None = None, places: Places = Places(), train: Training = train_and_evaluate
) -> None:
    """Run the suite."""
    words, parser = start_suite("label_objects", __doc__, arguments)
    parser.add_argument("dsb2018", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=2.0, help="0: no training.")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--rounds", type=int, default=3, help="Rounds of corrections.")
    args = parser.parse_args(words)
    if not (args.dsb2018 / "index.csv").is_file():
        parser.error(f"{args.dsb2018}: no index.csv; give the data set as described above")
    store, origin = Store("label_objects", places), make_origin("label_objects", words, args)
    for seed in args.seeds:
        name = f"{args.split}, {args.rounds} rounds, {args.minutes:g} minutes, seed {seed}"
        store.add(name, measure(args, seed, train), origin)
    page = make_page(store)
    (places.pages / "label_objects.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
