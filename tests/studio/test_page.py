"""The studio's page in a real Chromium, driven with mouse and keys."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn", reason="needs the extra studio")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

from pixelwise.core.classes import IGNORE_INDEX  # noqa: E402
from pixelwise.labels.strokes import Stroke, paint_polygon, paint_stroke  # noqa: E402
from pixelwise.studio import app  # noqa: E402
from tests.studio.browsing import Browsing, ServedStudio  # noqa: E402
from tests.studio.test_training import STAND_IN  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

SIZE = (240, 360)
CLASSES = ["background", "cell", "debris"]
OTHER_PATHS = re.compile(r"^(?!http://127\.0\.0\.1:|blob:|data:)")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """Six noisy pictures with bright discs; each test has one for itself, by its number."""
    photos = tmp_path_factory.mktemp("page") / "photos"
    photos.mkdir()
    rng = np.random.default_rng(5)
    rows, columns = np.indices(SIZE)
    for number in range(8):
        picture = rng.integers(0, 60, (*SIZE, 3), np.uint8)
        for row, column in rng.integers(40, 200, (4, 2)):
            picture[(rows - row) ** 2 + (columns - column) ** 2 < 900] += 150
        Image.fromarray(picture).save(photos / f"p{number}.png")
    served = ServedStudio(photos, CLASSES)
    yield served
    served.stop()


@pytest.fixture
def visit(browser: sync_api.Browser) -> Iterator[Callable[..., Browsing]]:
    """Opens an address in a new window; after the test the page must not have complained or gone elsewhere."""
    windows: list[Browsing] = []

    def open_window(address: str, **options: object) -> Browsing:
        options.setdefault("viewport", {"width": 1280, "height": 800})
        page = browser.new_page(**options)  # type: ignore[arg-type]
        page.set_default_timeout(15_000)
        windows.append(Browsing(page, address))
        return windows[-1]

    yield open_window
    for window in windows:
        window.page.close()
        assert not window.messages
        assert not [address for address in window.requests if OTHER_PATHS.match(address)]


def test_every_module_is_loaded_at_once() -> None:
    """The page names all its modules, so that the browser need not find one after the other."""
    static = Path(app.__file__).parent / "static"
    modules = {path.relative_to(static).as_posix() for path in static.rglob("*.js")}
    named = set(re.findall(r'"/static/([^"]+\.js)"', (static / "index.html").read_text(encoding="utf-8")))
    assert named == modules - {"canvas/decode_worker.js"}


def test_strokes_of_the_page_are_those_of_the_library(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(40):
        points = rng.uniform(-10, 90, (rng.integers(1, 6), 2)).round(2).tolist()
        cases.append((points, float(rng.choice([1, 2, 3, 7.5, 12]))))
    page = visit(studio.address).page
    painted = page.evaluate(
        """async (cases) => {
            const raster = await import("/static/canvas/raster.js");
            return cases.map(([points, width]) => {
                const data = new Uint8Array(6000).fill(255);
                const target = { data, width: 100, height: 60, top: 0, left: 0, step: 1 };
                raster.paintStroke(target, points, width, 1);
                if (points.length > 2) raster.paintPolygon(target, points, 2);
                return [...target.data];
            });
        }""",
        cases,
    )
    for (points, width), values in zip(cases, painted, strict=True):
        expected = np.full((60, 100), IGNORE_INDEX, np.uint8)
        paint_stroke(expected, Stroke(tuple(map(tuple, points)), width), 1)
        if len(points) > 2:
            paint_polygon(expected, points, 2)
        np.testing.assert_array_equal(np.array(values, np.uint8).reshape(60, 100), expected)


def test_strokes_are_saved_undone_and_there_after_a_reload(
    studio: ServedStudio, visit: Callable[..., Browsing]
) -> None:
    window = visit(f"{studio.address}/#1")
    window.press("2")
    window.draw((60, 60), (80, 120), (130, 140))
    window.press("1")
    window.draw((200, 40), (200, 300))
    window.press("e")
    window.draw((200, 100), (200, 140))
    shown = window.shown_labels()  # at once, before any answer of the server
    assert (shown == 1).sum() > 200
    assert shown[200, 60] == 0
    assert shown[200, 120] == IGNORE_INDEX
    window.saved()
    np.testing.assert_array_equal(studio.label_map(1), shown)

    window.page.reload()
    window.ready()
    window.until("() => stage.layers.labels.entry({ level: 0, row: 0, column: 0 }).base")
    np.testing.assert_array_equal(window.shown_labels(), shown)

    window.press("Control+z")
    window.until("() => stage.layers.labels.at([200, 120]) === 0")
    window.press("Control+z", "Control+z")
    window.until("() => stage.layers.labels.at([70, 90]) === 255")
    window.saved()
    assert (studio.label_map(1) == IGNORE_INDEX).all()
    window.press("Control+Shift+z")
    window.until("() => stage.layers.labels.at([70, 90]) === 1")


def test_polygon_and_rest_is_background(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#2")
    window.press("3", "p")
    corners = [(50.0, 50.0), (60.0, 200.0), (150.0, 180.0), (140.0, 60.0)]
    for corner in corners:
        window.click(*corner)
    window.press("Enter")
    window.saved()
    drawn = studio.label_map(2)
    rows, columns = np.nonzero(drawn == 2)
    assert abs(len(rows) - 12_200) < 200  # the quadrilateral's area, by the shoelace formula
    assert (rows.min(), columns.min()) == pytest.approx((50, 50), abs=2)
    window.press("c")
    window.until("() => stage.layers.labels.at([10, 10]) === 0")
    filled = studio.label_map(2)
    np.testing.assert_array_equal(filled == 2, drawn == 2)
    assert (filled[drawn != 2] == 0).all()


def test_a_closed_polygon_leaves_no_corner(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#4")
    window.press("2", "p")
    for corner in ((20.0, 20.0), (20.0, 60.0), (60.0, 60.0)):
        window.click(*corner)
    window.page.mouse.dblclick(*window.place(60.0, 20.0))  # the last corner
    window.saved()
    drawn = studio.label_map(4)
    assert abs((drawn == 1).sum() - 1600) < 90
    for corner in ((100.0, 100.0), (100.0, 140.0), (140.0, 140.0)):
        window.click(*corner)
    window.page.mouse.dblclick(*window.place(100.0, 100.0))  # on the first corner; the second click draws none
    window.saved()
    for corner in ((180.0, 250.0), (180.0, 290.0)):
        window.click(*corner)
    x, y = window.place(180.0, 290.0)
    window.page.mouse.click(x, y + 6)  # near the last one, and a corner of its own
    window.click(220.0, 250.0)
    window.press("Enter")
    window.saved()
    areas = [(studio.label_map(4)[rows] == 1).sum() for rows in (slice(90, 150), slice(170, 230))]
    assert abs(areas[0] - 800) < 60
    assert abs(areas[1] - 850) < 120
    assert window.page.evaluate("() => stage.marks.shapes") == {}
    window.press("Control+z", "Control+z", "Control+z")  # the model of the other tests learns nothing from it
    window.saved()


def test_classes_are_edited_and_names_are_text(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#3")
    page = window.page
    name = "<img src=x onerror=alert(1)>"
    assert window.state("s.classIndex") == 1  # what is looked for, and not the background, is drawn first
    page.get_by_label("Edit debris").click()
    window.until("() => document.activeElement.tagName === 'INPUT'")
    page.keyboard.type(name)  # into the field, without a click: letters are no shortcuts here
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text={name}")
    assert page.locator(".classes img").count() == 0
    page.get_by_placeholder("Add a class").fill("border")
    page.keyboard.press("Enter")
    window.until("() => store.get().project.classes.length === 4")
    window.until("() => store.get().classIndex === 3")
    assert studio.studio.project.classes.names[2:] == (name, "border")
    page.get_by_label("Edit border").click()
    page.get_by_label("wine", exact=True).click()
    window.until("() => store.get().project.classes[3].color === '#882255'")
    page.get_by_role("button", name="Delete this class").click()
    page.get_by_role("button", name="Click again").click()
    window.until("() => store.get().project.classes.length === 3")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    window.until("() => store.get().project.classes[3]?.color === '#882255'")
    page.locator(".stage").focus()
    window.press("Control+z")
    window.until("() => store.get().project.classes[3].color !== '#882255'")
    window.press("Control+z")
    window.until("() => store.get().project.classes.length === 3")
    window.press("Control+z")
    window.until("() => store.get().project.classes[2].name === 'debris'")


def test_drawing_goes_on_while_the_server_is_away(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#4")
    studio.stop()
    window.press("2")
    window.draw((100, 100), (100, 200))
    window.draw((120, 100), (120, 200))
    shown = window.shown_labels()
    assert shown[100, 150] == shown[120, 150] == 1
    window.page.wait_for_selector("text=Not saved: 2 waiting")
    studio.start()
    window.saved()
    np.testing.assert_array_equal(studio.label_map(4), shown)
    window.messages.clear()  # the browser itself says that nobody answered


def test_what_waits_is_not_drawn_into_another_project(tmp_path: Path, visit: Callable[..., Browsing]) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / name / "photo.png")
    one, other = ServedStudio(tmp_path / "one"), ServedStudio(tmp_path / "other")
    other.stop()
    other.port = one.port
    try:
        window = visit(one.address)
        one.stop()
        window.draw((20, 20), (20, 40))
        window.page.wait_for_selector("text=Not saved: 1 waiting")
        other.start()
        window.page.wait_for_function("() => document.title.includes('other-labels')")
        window.ready()
        assert window.state("s.saving.waiting") == 0
        assert other.studio.project.number == 0
        other.stop()
        one.start()
        window.page.reload()
        window.ready()
        window.until("() => store.get().project.number === 1 && store.get().saving.waiting === 0")
        assert one.studio.project.number == 1
        window.messages.clear()  # the browser itself says that nobody answered
    finally:
        one.stop()
        other.stop()


def test_two_windows_see_each_others_work(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    one, other = visit(f"{studio.address}/#5"), visit(f"{studio.address}/#5")
    one.press("2")
    one.draw((100, 100), (150, 200))
    other.until("() => stage.layers.labels.at([125, 150]) === 1")


def test_keys_alone_are_enough(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#6")
    window.page.locator(".stage").focus()
    window.press("2", "ArrowRight", "Enter", *["ArrowRight"] * 6, "Enter")
    window.saved()
    painted = studio.label_map(6) == 1
    assert painted[SIZE[0] // 2, SIZE[1] // 2 + 12]
    window.page.keyboard.down("x")  # the picture alone, as long as the key is held
    window.page.locator(".layer.labels").wait_for(state="hidden")
    window.page.keyboard.up("x")
    window.page.locator(".layer.labels").wait_for()
    window.press("]")
    size = window.state("s.brush")
    window.press("[", "[")
    assert window.state("s.brush") < size
    window.press("?")
    window.page.get_by_role("dialog").wait_for()
    window.press("Escape")
    window.until("() => store.get().dialog === null")  # a moment after the browser has hidden it
    window.press("PageDown")
    window.until("() => store.get().image === 7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(studio: ServedStudio, visit: Callable[..., Browsing], scheme: str) -> None:
    window = visit(studio.address, color_scheme=scheme)
    window.press("?")
    window.page.get_by_role("dialog").wait_for()
    ratios = window.page.evaluate(CONTRASTS)
    assert len(ratios) > 60
    assert {text: ratio for text, ratio in ratios if ratio < 4.5} == {}


CONTRASTS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color) => {
        const [r, g, b] = color.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const color = rgba(getComputedStyle(one).backgroundColor);
            if (color[3] > 200) return color;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
    const ratios = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest(":disabled") || !element.checkVisibility()) continue;
        const [one, other] = [luminance(rgba(getComputedStyle(element).color)), luminance(ground(element))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        ratios.push([walker.currentNode.data.trim(), ratio]);
    }
    return ratios;
}"""


def test_a_dark_image_can_be_shown_brighter(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#0")
    window.page.get_by_label("Brightness").fill("4")
    window.until("() => stage.layers.image.canvas.style.filter === 'brightness(4)'")
    window.page.get_by_label("Brightness").fill("1")
    window.until("() => stage.layers.image.canvas.style.filter === ''")


def test_contrast_of_16_bit_images_can_be_chosen(tmp_path: Path, visit: Callable[..., Browsing]) -> None:
    tifffile = pytest.importorskip("tifffile")
    photos = tmp_path / "photos"
    photos.mkdir()
    ramp = np.linspace(100, 4000, 200 * 300).reshape(200, 300).astype(np.uint16)
    tifffile.imwrite(photos / "ramp.tif", ramp)
    served = ServedStudio(photos, CLASSES)
    try:
        window = visit(served.address)
        mean = """() => {
            const { picture } = stage.layers.image.entry({ level: 0, row: 0, column: 0 });
            const context = new OffscreenCanvas(1, 1).getContext("2d");
            context.imageSmoothingQuality = "high";
            context.drawImage(picture, 0, 180, picture.width, 1, 0, 0, 1, 1);
            return context.getImageData(0, 0, 1, 1).data[0];
        }"""
        before = window.page.evaluate(mean)
        window.page.get_by_label("Brightest percentile").fill("60")
        window.until("() => stage.layers.image.entry({ level: 0, row: 0, column: 0 }).contrast === '1-60'")
        assert before < 240
        assert window.page.evaluate(mean) == 255
    finally:
        served.stop()


def test_two_hundred_images_are_filtered_and_few_are_in_the_page(
    tmp_path: Path, visit: Callable[..., Browsing]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(200):
        Image.new("RGB", (64, 48), (number, 80, 80)).save(photos / f"i{number:03d}.png")
    served = ServedStudio(photos, CLASSES)
    try:
        window = visit(f"{served.address}/#150")
        thumbnails = window.page.locator(".thumbnail")
        window.page.wait_for_selector(".thumbnail button[aria-current]")
        assert thumbnails.count() < 40
        window.press("d")
        window.saved()
        window.page.get_by_label("Show").select_option("done")
        window.until("() => document.querySelectorAll('.thumbnail').length === 1")
        assert "i150.png" in thumbnails.first.inner_text()
    finally:
        served.stop()


def test_an_image_of_20000_pixels_is_drawn_on_at_once(tmp_path: Path, visit: Callable[..., Browsing]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.linear_gradient("L").resize((20_000, 800)).save(photos / "long.png", compress_level=1)
    served = ServedStudio(photos, CLASSES)
    try:
        window = visit(served.address)
        window.press("2")
        window.draw((400, 100), (400, 19_900))
        level = window.page.evaluate("() => stage.viewport.level()")
        assert level >= 3
        assert window.page.evaluate("() => stage.layers.labels.at([400, 10000])") == 1
        window.saved()
        label_map = served.label_map()
        assert (label_map[400, 200:19_800] == 1).all()
    finally:
        served.stop()


def test_the_model_learns_is_asked_and_accepted(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    window = visit(f"{studio.address}/#7")
    picture = np.asarray(Image.open(studio.photos / "p7.png"))[..., 0]
    inside = [tuple(place) for place in np.argwhere(picture >= 150)[::2000]]
    outside = [tuple(place) for place in np.argwhere(picture < 60)[::20000]]
    for key, places in (("2", inside[:4]), ("1", outside[:4])):
        window.press(key)
        for row, column in places:
            window.draw((int(row), int(column)), (int(row) + 2, int(column) + 4), steps=2)
    window.saved()
    window.until("() => store.get().model > 0 && !store.isBehind(store.get()) && stage.predictionAt([10, 10])", 40)
    classes = {window.page.evaluate("(p) => stage.predictionAt(p).class_index", [int(r), int(c)]) for r, c in inside}
    assert 1 in classes

    window.press("q")
    window.until("() => store.get().ask?.point")
    row, column = window.state("s.ask.point")
    window.press("1")
    window.until("() => store.get().ask?.point")  # the next question
    window.press("Escape")
    window.saved()
    assert studio.label_map(7)[int(row), int(column)] == 0

    assert (studio.label_map(7) == IGNORE_INDEX).mean() > 0.9
    window.until("() => !store.get().outdated && !store.get().settling", 40)
    assert window.page.locator(".panel.model .state").inner_text() == "Up to date"
    window.press("2", "b")
    window.draw((5, 5), (5, 40), steps=2)
    window.page.evaluate(
        "() => { window.log = []; store.subscribe((s) =>"
        " log.push([s.accepting, s.saving.waiting > 0 || s.settling, store.isLearning(s)])); }"
    )
    window.press("Control+z", "Shift+A")  # which waits for the prediction after the undo
    window.page.wait_for_selector("text=The prediction is now the label", timeout=40_000)
    waits = window.page.evaluate("() => log")
    assert ["labels", True, True] in waits
    end = max(index for index, (accepting, _, _) in enumerate(waits) if accepting)
    assert waits[end][1] is False  # all is saved, and the model has settled
    assert (studio.label_map(7) != IGNORE_INDEX).all()
    window.page.get_by_role("button", name="Undo").last.click()
    window.until("() => store.get().project.images[7].labelled < 0.1")

    window.press("2", "b")
    window.draw((5, 5), (5, 40), steps=2)
    window.press("Shift+O", "c")  # the rest is background after the objects are accepted, not before
    window.page.wait_for_selector("text=Everything without a label is now", timeout=40_000)
    window.saved()
    assert window.state("store.imageOf(s).objects") > 0
    label_map = studio.label_map(7)
    assert (label_map != IGNORE_INDEX).all()
    assert (label_map == 1).mean() > 0.02
    window.press("Control+z", "Control+z", "Control+z")
    window.until("() => !store.imageOf(store.get()).objects && store.get().project.images[7].labelled < 0.1")


def test_objects_beside_each_other_differ_in_colour(studio: ServedStudio, visit: Callable[..., Browsing]) -> None:
    """Ids 1, 9 and 17 in three bands, of which the first two touch and the third is far away."""
    chosen = visit(f"{studio.address}/#6").page.evaluate(
        "async () => { const { chooseObjectColors } = await import('/static/colors.js');"
        " const ids = Uint16Array.from({ length: 100 * 10 }, (_, i) => (i < 200 ? 1 : i < 400 ? 9 : i < 700 ? 0 : 17));"
        " const chosen = new Map([[1, 5]]); chooseObjectColors(ids, 10, chosen); return [...chosen]; }"
    )
    colors = dict(chosen)
    assert colors[1] == 5
    assert colors[9] != 5
    assert colors[17] == 5  # where no object is near, the id decides


def test_training_is_followed_and_exports_are_written(
    studio: ServedStudio, visit: Callable[..., Browsing], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixelwise.studio import training

    monkeypatch.setattr(training, "PROGRAM", [sys.executable, "-c", STAND_IN])
    monkeypatch.setattr(studio.studio.training, "_on_done", lambda run: None)
    window = visit(f"{studio.address}/#0")
    page = window.page
    for key, row in (("1", 20), ("2", 60)):
        window.press(key)
        window.draw((row, 20), (row, 90))
    window.saved()
    page.get_by_label("Minutes").select_option("5")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".training progress").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("text=Stopped")
    page.locator(".training").get_by_role("button", name="Go on", exact=True).click()
    page.wait_for_selector("text=The live model is better and is shown.")
    comparison = page.locator(".comparison")
    comparison.locator("label").nth(1).wait_for()
    assert comparison.locator("label").all_inner_texts() == ["Live model\n60.0 %", "Trained net, run-1\n40.0 %"]
    assert "on 8 labelled regions in 2 images, 90 labelled pixels" in comparison.inner_text()
    assert comparison.get_by_label("Live model").is_checked()
    page.locator(".curve circle").wait_for()
    window.until("() => store.get().project.exports.model")

    page.get_by_role("button", name="Export").click()
    model, live, report = (page.locator(".export-row").nth(row).inner_text() for row in range(3))
    assert "the trained net run-1, the newest" in model
    assert "mIoU: 50.0 % on test images" in model
    assert "The live model was better (60.0 % against 40.0 %)" in model
    assert "train for 10 min or more" in model
    assert "run-1 was better" not in model
    assert "the trained net run-1" in report
    assert "single objects" not in live
    for row, name in ((0, "model.onnx"), (3, "overlays/p0.png"), (4, "coco")):
        line = page.locator(".export-row").nth(row)
        line.locator("> button").click()
        line.locator(".result").wait_for()
        assert (studio.studio.project.folder.exports / name).exists()


def test_a_project_of_objects_trains_for_objects_until_a_person_chooses(
    studio: ServedStudio, visit: Callable[..., Browsing]
) -> None:
    points = [[20, 20], [20, 60], [50, 60], [50, 20]]
    project = studio.studio.project
    project.perform({"type": "polygon", "points": points, "class_index": 1}, "p6.png")
    window = visit(f"{studio.address}/#6")
    find, minutes = (window.page.locator(".training").get_by_label(name) for name in ("Find", "Minutes"))
    assert (find.count(), minutes.input_value()) == (0, "2")
    window.press("o")
    window.page.get_by_role("button", name="Add", exact=True).click()
    window.click(30, 30)
    find.wait_for()
    assert (find.input_value(), minutes.input_value()) == ("instance", "5")
    window.page.get_by_role("button", name="Export").click()
    assert "It predicts single objects." in window.page.locator(".export-row").nth(1).inner_text()
    window.press("Escape")
    find.select_option("semantic")
    window.page.reload()
    find.wait_for()
    assert find.input_value() == "semantic"
