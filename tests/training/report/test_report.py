"""The page as a whole: it stands alone, shows what it was given, and is HTML that a browser need not repair."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.classes import IGNORE_INDEX, ClassMap
from pixelwise.core.errors import OutputError
from pixelwise.instances.objects import Objects
from pixelwise.metrics.instances import InstanceScorer
from pixelwise.metrics.scores import Scores
from pixelwise.render import OBJECT_FATES
from pixelwise.tasks.base import Labelled
from pixelwise.tasks.instance import INSTANCE
from pixelwise.tasks.semantic import SEMANTIC
from pixelwise.training.report import Example, Report, write_report
from pixelwise.training.report.page import percent, share
from pixelwise.training.report.pictures import pictures

NAN = float("nan")


class _Page(HTMLParser):
    """Checks that tags are balanced; gathers attributes by tag and the text within each class of element."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.found = text, [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def attributes(self, tag):
        return [attrs for name, attrs in self.found if name == tag]

    def words(self):
        return " ".join(re.sub("<[^>]*>", " ", self.text.split("</style>")[1]).split())


def _example(name, seed, height=24, width=32):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    target = rng.integers(0, 2, (height, width)).astype(np.uint8)
    target[0] = IGNORE_INDEX
    return Example(name, image, Labelled(target), Labelled(1 - target // 2), 0.25)


def _scores(names, ious, confusion):
    others = {"dice": 0.5, "precision": 0.6, "recall": 0.4, "images": 5, "missed_images": 1, "false_alarm_images": 2}
    per_class = {name: {"iou": iou, "accuracy": iou, **others} for name, iou in zip(names, ious, strict=True)}
    return Scores(0.625, 0.9, 0.8, 0.7, per_class, 5, 1000, confusion)


@pytest.fixture
def report():
    names = ("sky", "road", "pole")
    history = [{"step": s, "epoch": 1, "loss": 4.0 - s, "learning_rate": 1e-3, "val_miou": None} for s in (1, 2)]
    history.append({"step": 3, "epoch": 1, "loss": 1.0, "learning_rate": 1e-3, "val_miou": 0.625})
    return Report(
        title="street",
        command="pixelwise train street --minutes 8 --out 'runs/a b'",
        config={"model": "fpn", "optimizer": {"name": "adamw", "betas": [0.9, 0.999]}},
        classes=ClassMap.from_names(names),
        history=history,
        scores=_scores(names, (0.5, 0.75, NAN), [[90, 9, 1], [1, 398, 1], [0, 0, 0]]),
        split_name="val",
        class_pixels={"sky": 0.25, "road": 0.74995, "pole": 0.00005},
        splits={"train": 1200, "val": 5},
        examples_best=[_example("best-one", 1)],
        examples_worst=[_example("worst-one", 2), _example("worst-two", 3)],
        skipped=[("images/a.png", "found no mask; expected one")],
        warnings=["'pole' is rare", "measure with `train(folds=5)`"],
        facts={"model": "fpn", "encoder": "efficientnet_lite0", "minutes": "8.0", "machine": "2 cores"},
    )


@pytest.fixture
def page(report, tmp_path):
    def written(**changes):
        path = tmp_path / "report.html"
        write_report(replace(report, **changes), path)
        return _Page(path.read_text(encoding="utf-8"))

    return written


def test_the_page_tells_what_it_was_given(page):
    words = page().words()
    for expected in (
        "street fpn on efficientnet_lite0, 3 classes: 1,200 train, 5 val images",
        "Mean IoU 62.5 %",
        "Global accuracy 90.0 %",
        "Class accuracy 80.0 %",
        "Boundary F1 70.0 %",
        "Training 8.0 min",
        "&#39;pole&#39; is rare measure with train(folds=5)",
        "images/a.png found no mask; expected one",
        "pixelwise train street --minutes 8 --out &#39;runs/a b&#39;",
        "optimizer: name: adamw",
        "machine 2 cores",
        "9 % of sky taken for road",
        "25.0 % worst-two",
    ):
        assert expected in words


def test_the_page_asks_for_nothing_from_elsewhere(page):
    html = page()
    for tag, attributes in html.found:
        for key in ("src", "href", "srcset", "data", "action", "xlink:href"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (tag, key)
    assert not re.search(r"https?:|@import|url\(|<script", html.text)
    assert {attributes["href"][1:] for attributes in html.attributes("a")} <= {
        attributes["id"] for attributes in html.attributes("section")
    }


def test_every_example_is_embedded_with_its_four_pictures(page):
    images = page().attributes("img")
    assert [image["alt"] for image in images] == [
        f"{caption} of {name}"
        for name in ("worst-one", "worst-two", "best-one")
        for caption in ("image", "truth", "prediction", "errors")
    ]
    for image in images:
        kind, data = image["src"].split(",")
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (32, 24)
        assert (image["width"], image["height"]) == ("32", "24")


@pytest.mark.parametrize(
    ("height", "width", "size"), [(720, 960, (480, 360)), (960, 480, (240, 480)), (1, 2000, (480, 1)), (3, 2, (2, 3))]
)
def test_pictures_fit_480_pixels_and_show_the_image_itself(height, width, size):
    example = _example("x", 0, height, width)
    flat = replace(example, image=np.full((height, width, 3), (200, 100, 50), np.uint8))
    drawn = pictures(flat, ClassMap.from_names(["a", "b"]), SEMANTIC)
    assert [(picture.width, picture.height) for picture in drawn] == [size] * 4
    opened = Image.open(io.BytesIO(base64.b64decode(drawn[0].uri.split(",")[1])))
    assert opened.size == size
    # JPEG rounds colours, by a level or two on a plain surface.
    assert np.abs(np.asarray(opened, int) - (200, 100, 50)).max() <= 3


def test_noise_at_full_size_stays_within_what_keeps_twelve_examples_below_3_mb():
    size = sum(
        len(picture.uri) for picture in pictures(_example("x", 0, 360, 480), ClassMap.from_names(["a", "b"]), SEMANTIC)
    )
    assert size < 3_000_000 / 12


def test_classes_are_sorted_by_iou_with_bars_as_long_as_it(page):
    text = page().text
    table = text[text.index('<table class="bars"') : text.index("</table>")]
    assert re.findall(r'<th scope="row" title="(\w+)"', table) == ["road", "sky", "pole"]
    assert re.findall(r"width:([\d.]+)%", table) == ["75.00", "50.00"]
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in table.split("<tr>")[2:]]
    others = ["50.0", "60.0", "40.0", "1 of 5", "2"]  # Dice, precision, recall, missed, false alarms
    assert rows[:2] == [
        [*others, "75.0"],
        [*others, "25.0", *others, "&lt; 0.01"],
    ]  # that of an absent class has attributes
    assert "--mean:62.5%" in table


def test_the_confusion_matrix_is_in_percent_of_each_row(page):
    text = page().text
    table = text[text.index('<table class="matrix') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]
    assert cells == [["90", "9", "1"], ["·", "100", "·"], ["", "", ""]]


def test_too_many_classes_for_a_matrix_are_told_as_confusions(page):
    names = tuple(f"class {i}" for i in range(150))
    confusion = np.eye(150, dtype=np.int64) * 80
    confusion[7, 9] = 20
    html = page(
        classes=ClassMap.from_names(names),
        scores=_scores(names, [0.5] * 150, confusion.tolist()),
        class_pixels=dict.fromkeys(names, 1 / 150),
    )
    assert 'class="matrix' not in html.text
    assert "20 % of class 7 taken for class 9" in html.words()
    assert len(html.text) < 300_000


def test_text_from_outside_is_escaped(page):
    nasty = "<img src=x onerror='a()'>&\""
    names = (nasty, "x" * 300)
    html = page(
        title=nasty,
        command=nasty,
        config={nasty: nasty},
        classes=ClassMap.from_names(names),
        scores=_scores(names, (0.5, 0.5), [[1, 1], [1, 1]]),
        class_pixels=dict.fromkeys(names, 0.5),
        splits={nasty: 1},
        examples_best=[],
        examples_worst=[_example(nasty, 0)],
        skipped=[(nasty, nasty)],
        warnings=[nasty],
        facts={"model": nasty, nasty: nasty},
    )
    assert "<img src=x" not in html.text
    assert all(image["src"].startswith("data:") for image in html.attributes("img"))
    assert len(html.attributes("img")) == 4


def test_without_validation_the_page_says_so(page):
    html = page(scores=None, examples_best=[], examples_worst=[])
    assert "No images to measure on, so there are no scores" in html.words()
    assert "Score none nothing was measured" in html.words()
    assert "<table" not in html.text
    assert html.attributes("img") == []


def test_a_run_without_anything_is_still_a_page(page):
    html = page(
        config={},
        history=[],
        scores=None,
        class_pixels={},
        splits={},
        examples_best=[],
        examples_worst=[],
        skipped=[],
        warnings=[],
        facts={},
    )
    assert "No finite loss was recorded" in html.words()
    assert html.attributes("svg") == []


def test_scores_of_nothing_are_dashes_not_numbers(page, report):
    scores = replace(report.scores, miou=NAN, global_accuracy=NAN, class_accuracy=NAN, boundary_f1=None)
    words = page(scores=scores).words()
    assert "Mean IoU –" in words
    assert "nan" not in words


def test_percent_and_share():
    assert [percent(value) for value in (0.6251, 0, 1, None, NAN)] == ["62.5", "0.0", "100.0", "–", "–"]
    assert [share(value) for value in (0.254, 0.0123, 0.0054, 0.00005, 0, None)] == [
        "25.4",
        "1.2",
        "0.54",
        "< 0.01",
        "0",
        "–",
    ]


def test_a_place_that_cannot_be_written_is_told(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report(report, tmp_path / "file" / "report.html")


def _objects(instance_map, score=1.0):
    ids = np.array(instance_map, np.int32)
    count = int(ids.max())
    return Objects(ids, np.ones(count, np.int32), np.full(count, score, np.float32))


@pytest.fixture
def object_report(report):
    """One object is found, one missed and one invented."""
    target, prediction = np.zeros((2, 24, 32), np.int32)
    target[2:8, 2:8] = prediction[2:8, 2:8] = 1
    target[12:20, 2:8] = prediction[12:20, 20:30] = 2
    image = np.full((24, 32, 3), 128, np.uint8)
    true, predicted = _objects(target), _objects(prediction)
    labels = [
        Labelled((ids > 0).astype(np.uint8), objects) for ids, objects in ((target, true), (prediction, predicted))
    ]
    example = Example("cells", image, *labels, 1 / 3)
    scorer = InstanceScorer(ClassMap.from_names(["background", "cell"]))
    scorer.update(predicted, true)
    return replace(
        report,
        task="instance",
        classes=ClassMap.from_names(["background", "cell"]),
        history=[{"step": 1, "loss": 1.0, "val_ap": 0.25}, {"step": 2, "loss": 0.5, "val_ap": 0.5}],
        scores=scorer.scores(),
        class_pixels={"background": 0.9, "cell": 0.1},
        examples_best=[example],
        examples_worst=[],
    )


def test_the_page_of_an_instance_model_tells_of_objects(object_report, tmp_path):
    write_report(object_report, tmp_path / "report.html")
    html = _Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    words = html.words()
    for expected in (
        "AP 50.5 % val, 1 image, 2 objects",  # 51 of 101 recalls, at a precision of 1
        "Validation AP",
        "TP / (TP + FN + FP), % 33.3 33.3 33.3 33.3 33.3",
        "background no objects",
        "How far to trust a score",
        "matched, solid missed, dashed invented, hatched",
        "33.3 % cells",
    ):
        assert expected in words
    assert "Confusion" not in words
    assert {"objects", "best"} <= {attributes["id"] for attributes in html.attributes("section")}


def test_objects_are_drawn_by_what_became_of_them(object_report):
    """Far from outlines and hatching a picture is 60 % image and 40 % colour; JPEG moves it by some levels."""
    (example,) = object_report.examples_best
    drawn = pictures(example, object_report.classes, INSTANCE)
    assert [picture.caption for picture in drawn] == ["image", "truth", "prediction", "errors"]
    errors = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn[3].uri.split(",")[1]))), int)
    for fate, (row, column) in {"matched": (5, 5), "missed": (16, 5), "invented": (17, 27)}.items():
        expected = 0.6 * 128 + 0.4 * np.array(OBJECT_FATES[fate])
        assert np.abs(errors[row, column] - expected).max() <= 20, fate
    assert np.abs(errors[22, 16] - 128).max() <= 20


def test_scores_come_with_their_interval_where_they_are_from_and_the_images(page, report):
    per_image = [
        {"name": name, "miou": miou, "global_accuracy": 0.5, "boundary_f1": None, "missed": missed, "false_alarms": []}
        for name, miou, missed in (("good", 0.9, []), ("bad", 0.25, ["pole", "sky"]), ("void", None, []))
    ]
    scores = replace(report.scores, intervals={"miou": (0.5, 0.75), "boundary_f1": None}, per_image=per_image)
    html = page(scores=scores, measured_on="val, each half scored with what was fitted on the other")
    words = html.words()
    assert (
        "Mean IoU 62.5 % 95 % interval: 50.0 to 75.0 val, each half scored with what was fitted on the other, 5 images"
        in words
    )
    table = html.text[html.text.index('<section id="images"') :]
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in table.split("<tr>")[2:5]]
    assert rows == [
        ["bad", "25.0", "50.0", "–", "pole, sky", ""],
        ["good", "90.0", "50.0", "–", "", ""],
        ["void", "–", "50.0", "–", "", ""],
    ]


def test_names_are_text_on_the_page_whatever_they_are(page, report):
    names = ("<script>alert(1)</script>", "a\x1b[31m\u202eb", "caf\udce9")
    classes = (names[0], "b", "c")  # a class list takes printable names alone
    scores = _scores(classes, (0.5, 0.75, NAN), [[90, 9, 1], [1, 398, 1], [0, 0, 0]])
    scores = replace(scores, per_image=tuple({"name": name, "miou": 0.5} for name in names))
    written = page(
        title=names[0],
        command=f"pixelwise train '{names[0]}'",
        config={"data": names[0], "other": names[1]},
        classes=ClassMap.from_names(classes),
        scores=scores,
        class_pixels=dict.fromkeys(classes, 0.25),
        examples_worst=[_example(name, 1) for name in names],
        skipped=[(name, name) for name in names],
        warnings=list(names),
        facts={"model": names[0], "machine": names[1]},
    )
    assert written.attributes("script") == []
    assert "&lt;script&gt;" in written.text
    assert r"a\x1b[31m\u202eb" in written.text
    assert r"caf\xe9" in written.text
    assert not set("\x1b\u202e\udce9") & set(written.text)
