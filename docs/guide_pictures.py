"""Draw the pictures of the guides: python docs/guide_pictures.py DEMO

DEMO is the --out of `pixelwise demo`. In it stands, too, what shows uncertainty:
pixelwise train DEMO/data --out DEMO/bayesian --model bayesian_segnet_basic --minutes 4
Chromium, the system's, takes the picture of the report. The times of `benchmark` need a machine that is idle.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

import pixelwise as pw
from pixelwise.labels.simulate import simulate_strokes
from pixelwise.labels.strokes import paint_stroke
from pixelwise.render import UInt8, colorize, join_row_with_captions, object_overlay, overlay
from pixelwise_scenes import SCENE_CLASSES, scene, write_scenes

OUT = Path(__file__).parent / "guides"
WIDTH = 1280
"""Pixels of the window in which the report is opened."""
COLUMNS = 100
"""Of a terminal."""


def save(name: str, picture: UInt8) -> None:
    Image.fromarray(picture).save(OUT / f"{name}.webp", quality=82, method=6)


def draw_data() -> None:
    """An image, the mask beside it and the objects in it: what a data set holds."""
    landscape = scene(11, (240, 320))
    objects = object_overlay(landscape.image, landscape.instance_map, opacity=0.6)
    pictures = (landscape.image, colorize(landscape.label_map, SCENE_CLASSES), objects)
    save("data", join_row_with_captions(pictures, ("images/a.png", "masks/a.png", "instances/a.png, over the image")))


def draw_strokes() -> None:
    """An image, strokes on it, and the mask that says the same in full."""
    landscape = scene(11, (240, 320))
    labels = np.full(landscape.label_map.shape, pw.IGNORE_INDEX, np.uint8)
    for stroke, class_index in simulate_strokes(landscape.label_map, 0, per_class=2, width=5):
        paint_stroke(labels, stroke, class_index)
    share = (labels != pw.IGNORE_INDEX).mean()
    strokes = np.where(
        (labels != pw.IGNORE_INDEX)[..., None], colorize(labels, SCENE_CLASSES), landscape.image // 2 + 127
    )
    pictures = (landscape.image, strokes.astype(np.uint8), colorize(landscape.label_map, SCENE_CLASSES))
    save("few_labels", join_row_with_captions(pictures, ("image", f"strokes: {share:.1%} of the pixels", "full mask")))


def draw_tiles() -> None:
    """An image cut into tiles that overlap."""
    landscape = scene(3, (360, 640))
    sheet = Image.fromarray(landscape.image)
    draw = ImageDraw.Draw(sheet, "RGBA")
    side, tops, lefts = 200, (0, 160), (0, 160, 320, 439)
    for left, before in zip(lefts[1:], lefts, strict=False):
        draw.rectangle((left, 0, before + side, 359), fill=(29, 95, 191, 90))
    draw.rectangle((0, tops[1], 639, tops[0] + side), fill=(29, 95, 191, 90))
    for top in tops:
        for left in lefts:
            draw.rectangle((left, top, left + side, top + side - 1), outline=(255, 255, 255, 230), width=2)
    save("large_images", np.array(sheet))


def draw_heat(share: npt.NDArray[np.floating]) -> UInt8:
    """Return a plane of 0..1 from white to blue."""
    strength = np.clip(share, 0, 1)[..., None]
    return (255 * (1 - strength * (1 - np.array((38, 98, 190)) / 255))).astype(np.uint8)


def read_example(demo: Path) -> tuple[Path, UInt8]:
    """Return a test image of the demo and its path."""
    path = sorted((demo / "data" / "test" / "images").iterdir())[3]
    return path, np.array(Image.open(path).convert("RGB"))


def draw_predictions(demo: Path) -> None:
    """An image of the demo with what `predict` writes of it."""
    model = pw.load(demo / "run")
    path, image = read_example(demo)
    result = model.predict(path)
    doubt = 1 - result.probabilities.max(axis=0)
    pictures = (
        image,
        colorize(result.label_map, model.classes),
        overlay(image, result.label_map, model.classes),
        draw_heat(2 * doubt),
    )
    save("predict", join_row_with_captions(pictures, ("photo", "mask", "overlay", "doubt: 1 - largest probability")))


def draw_uncertainty(demo: Path) -> None:
    """A prediction of a net with dropout, and the variance of its passes."""
    model = pw.load(demo / "bayesian")
    path, image = read_example(demo)
    result = model.predict(path, pw.MonteCarloDropout(passes=20, seed=0))
    pictures = (
        image,
        colorize(result.label_map, model.classes),
        draw_heat(np.sqrt(result.variance / result.variance.max())),
    )
    save("uncertainty", join_row_with_captions(pictures, ("photo", "mask", "variance of 20 passes (square root)")))


def draw_terminal(name: str, *words: str, place: Path) -> None:
    """A command with its output, as a terminal shows it."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "pixelwise", *words]
    done = subprocess.run(command, cwd=place, env=environment, text=True, capture_output=True, check=False)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text(f"$ pixelwise {' '.join(words)}", style="bold"))
    console.print(Text.from_ansi(done.stdout + done.stderr))
    svg = console.export_svg(title="", theme=DEFAULT_TERMINAL_THEME, unique_id=name)
    without_fonts = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # they would come from the network
    (OUT / f"{name}.svg").write_text(without_fonts.replace("Fira Code, monospace", "monospace"), encoding="utf-8")


def draw_terminals(demo: Path) -> None:
    """What the commands of the guides print."""
    draw_terminal("choose", "models", "--front", place=demo)
    draw_terminal("deploy", "benchmark", "run", place=demo)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_scenes(place / "photos", 0, {"train": 4, "val": 2}, size=(96, 128))
        images, masks = (sorted((place / "photos" / "train" / part).iterdir()) for part in ("images", "masks"))
        with Image.open(masks[0]) as mask:
            values = np.array(mask)
        values[10, 20:36] = 9
        Image.fromarray(values).save(masks[0])
        masks[1].unlink()
        with Image.open(images[2]) as image:
            image.crop((0, 0, 64, 96)).save(images[2])
        draw_terminal("troubleshooting", "check", "photos", place=place)


def draw_stages() -> None:
    """The stages of the default net."""
    words = ("inspect", "fpn", "--classes", "11", "--picture", str(OUT / "inspect.png"))
    subprocess.run([sys.executable, "-m", "pixelwise", *words], check=True, capture_output=True)


def take_report(demo: Path) -> None:
    """The top of the demo's report, as a browser shows it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 1500})
        page.goto((demo / "run" / "report.html").resolve().as_uri())
        page.screenshot(path=OUT / "report.png")
        browser.close()
    with Image.open(OUT / "report.png") as picture:
        picture.convert("RGB").save(OUT / "report.webp", quality=80, method=6)
    (OUT / "report.png").unlink()


def main(demo: Path) -> None:
    draw_data()
    draw_strokes()
    draw_tiles()
    draw_predictions(demo)
    draw_uncertainty(demo)
    draw_terminals(demo)
    draw_stages()
    take_report(demo)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
