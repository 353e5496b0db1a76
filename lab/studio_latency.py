"""How long the studio takes, in a real Chromium: a stroke to its prediction, frames while drawing, the first paint.

    python -m lab.studio_latency OUT [--strokes 100] [--only strokes frames paint]

The suite draws pictures of discs, opens them with `pixelwise studio`, and drives the page with the mouse in Chromium.
It measures three things: strokes on an image of 1024x1024, each until its prediction is on the screen; frames a
second while drawing circles and panning on an image of 4096x4096, in windows of 1280x800 and of 3840x2160; and the
time until a TIFF of 20,000x20,000 in strips, without overviews, is on the screen. "Prediction announced" is when the
page learns that a new prediction is ready. p50 is the median, p95 the 95th percentile. The browser shares the cores
with the server, as on a user's machine. Without a graphics card it also paints on them.

Needs Chromium, Playwright and the extra `geo`.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rasterio.windows import Window

from lab.page import format_page, format_table
from lab.store import Places, Store, make_origin, start_suite
from lab.studio_client import run_studio

UInt8 = npt.NDArray[np.uint8]
SUITE = "studio_latency"
LAPTOP, WIDE = (1280, 800), (3840, 2160)
STAGES = ("saved", "prediction announced", "shown")
PAUSE = 200
"""Milliseconds between a prediction and the next stroke."""
SETTLE = 2500
DRAWN_SECONDS = 5.0
FIND = """async () => {
  window.store = await import('/static/store.js');
  window.stage = (await import('/static/session.js')).stage;
}"""
IS_SHOWN = """() => stage.viewport.width > 1 && store.get().image !== null
  && stage.viewport.tiles().every((tile) => stage.layers.image.entry(tile).picture)"""
HAS_PICTURE = "() => stage.viewport.width > 1 && store.get().image !== null && !store.get().reading"
NOTE_STAGES = """() => {
  window.times = [];
  let up = 0, saved = null, told = null, waits = false;
  window.addEventListener('pointerup', () => { up = performance.now(); saved = told = null; waits = false; }, true);
  store.subscribe((now, before) => {
    const after = performance.now() - up;
    if (now.saving.waiting === 0 && before.saving.waiting > 0) saved ??= after;
    if (now.model !== before.model) told ??= after;
    if (now.outdated) waits = true;
    else if (waits) {
      waits = false;
      requestAnimationFrame(() => times.push([saved, told, performance.now() - up]));
    }
  });
}"""
NOTE_FRAMES = """() => {
  window.frames = [];
  let last = performance.now();
  const note = (now) => { frames.push(now - last); last = now; requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""
HEAD_STROKES = ("image", "strokes", *(f"{stage}, {part}" for stage in STAGES for part in ("p50", "p95")))
HEAD_FRAMES = ("image", "window", "drawing: frames a second", "p95 of a frame", "panning", "p95 of a frame")
HEAD_PAINT = ("TIFF", "first tile, coarse", "all tiles in view, coarse or sharp", "a stroke then, until it is saved")


def draw_discs(side: int, seed: int = 0) -> UInt8:
    """Return a picture (side, side, 3) of bright discs on a dim ground."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 60, (side, side, 3), np.uint8)
    for row, column in rng.integers(0, side, (max(side // 16, 4), 2)):
        rows, columns = (slice(max(place - 30, 0), place + 30) for place in (row, column))
        part = picture[rows, columns]
        places = np.ogrid[rows.start : rows.start + part.shape[0], columns.start : columns.start + part.shape[1]]
        part[(places[0] - row) ** 2 + (places[1] - column) ** 2 < 30**2] |= 128
    return picture


def write_strips(path: Path, side: int) -> None:
    """Write a TIFF of strips, without overviews."""
    discs = draw_discs(1000).transpose(2, 0, 1)
    form = {"driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint8", "tiled": False}
    form |= {"transform": rasterio.Affine(0.5, 0, 0, 0, -0.5, 0)}
    with rasterio.open(path, "w", **form, blockysize=16, compress="deflate", zlevel=1, interleave="pixel") as file:
        for top in range(0, side, 1000):
            strip = np.tile(discs, (1, 1, -(-side // 1000)))[:, : side - top, :side]
            file.write(strip, window=Window(0, top, side, strip.shape[1]))


@contextlib.contextmanager
def open_studio(photos: Path) -> Iterator[str]:
    """Yield the address of a studio on a new project of a folder."""
    project = photos.with_name(f"{photos.name}-labels")
    shutil.rmtree(project, ignore_errors=True)
    with run_studio(photos, project, "ground,disc,other", photos.with_name(f"{photos.name}.log")) as address:
        yield address


@contextlib.contextmanager
def open_page(address: str, size: tuple[int, int]) -> Iterator[Page]:
    """Yield the page in a window of `size` (width, height)."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector(".app")
        page.evaluate(FIND)
        page.wait_for_function(HAS_PICTURE)
        yield page
        browser.close()


def skip_tour(page: Page) -> None:
    if page.locator("text=Skip the tour").count():
        page.click("text=Skip the tour")


def place_of(page: Page, row: float, column: float) -> tuple[float, float]:
    """Return where a point of the image is in the window."""
    x, y = page.evaluate("(point) => stage.viewport.toScreen(...point)", [row, column])
    box = page.locator(".stage").bounding_box() or {"x": 0, "y": 0}
    return box["x"] + x, box["y"] + y


def draw_stroke(page: Page, number: int, rng: np.random.Generator) -> None:
    """Draw a short stroke somewhere, in one class after the other."""
    height, width = page.evaluate("() => stage.viewport.size")
    row, column = rng.uniform(40, height - 40), rng.uniform(60, width - 60)
    page.keyboard.press(str(1 + number % 3))
    page.mouse.move(*place_of(page, row, column))
    page.mouse.down()
    page.mouse.move(*place_of(page, row + rng.uniform(-30, 30), column + 40), steps=5)
    page.mouse.up()


def measure_strokes(page: Page, count: int) -> dict[str, Any]:
    """Return the milliseconds of each stage, after the pen is lifted: {stage: [p50, p95]}."""
    rng = np.random.default_rng(0)
    skip_tour(page)
    for number in range(4):
        draw_stroke(page, number, rng)
        page.wait_for_timeout(PAUSE)
    page.wait_for_function("() => store.get().model > 0 && !store.get().outdated")
    page.wait_for_timeout(SETTLE)
    page.evaluate(NOTE_STAGES)
    for number in range(count):
        draw_stroke(page, number, rng)
        page.wait_for_function("(count) => times.length > count", arg=number)
        page.wait_for_timeout(PAUSE)
    times = np.array(page.evaluate("() => times"), float)
    spread = np.nanpercentile(times, (50, 95), axis=0)
    return {"strokes": count, **{stage: spread[:, index].tolist() for index, stage in enumerate(STAGES)}}


def measure_frames(page: Page, seconds: float) -> dict[str, Any]:
    """Return frames a second and the 95th percentile of a frame's milliseconds, of drawing and of panning."""
    skip_tour(page)
    page.wait_for_function(IS_SHOWN)
    page.wait_for_timeout(SETTLE)
    page.evaluate(NOTE_FRAMES)
    box = page.locator(".stage").bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def move(seconds: float, reach: float) -> list[float]:
        page.mouse.move(x, y)
        page.mouse.down()
        page.evaluate("() => { frames.length = 0; }")
        end, angle = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            angle += 0.05
            radius = reach * (0.65 + 0.35 * math.sin(0.37 * angle))
            page.mouse.move(x + 1.6 * radius * math.cos(angle), y + radius * math.sin(angle))
        frames = np.array(page.evaluate("() => frames"), float)
        page.mouse.up()
        return [1000 / float(frames.mean()), float(np.percentile(frames, 95))]

    page.keyboard.press("2")
    drawing = move(seconds, 200)
    page.keyboard.down("Space")
    panning = move(seconds, 100)
    page.keyboard.up("Space")
    return {"drawing": drawing, "panning": panning}


def measure_paint(page: Page) -> dict[str, Any]:
    """Return the seconds from the start of loading the page until something of the image, and all, was there, and those
    that a stroke then took to be saved."""
    first = page.evaluate("() => performance.now()") / 1000
    skip_tour(page)
    started = time.monotonic()
    draw_stroke(page, 0, np.random.default_rng(0))
    page.wait_for_function("() => store.get().saving.waiting === 0")
    stroke = time.monotonic() - started
    page.wait_for_function(IS_SHOWN)
    return {"first": first, "whole": page.evaluate("() => performance.now()") / 1000, "stroke": stroke}


def measure(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries."""
    if "strokes" in args.only:
        folder = write_photo(args.out, args.side)
        with open_studio(folder) as address, open_page(address, LAPTOP) as page:
            yield f"strokes, {args.side}x{args.side}", measure_strokes(page, args.strokes)
    if "frames" in args.only:
        folder = write_photo(args.out, args.frame_side)
        for size in (LAPTOP, WIDE):
            with open_studio(folder) as address, open_page(address, size) as page:
                name = f"frames, {args.frame_side}x{args.frame_side}, {size[0]}x{size[1]}"
                yield name, measure_frames(page, args.seconds)
    if "paint" in args.only:
        folder = args.out / "scan"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{args.paint_side}.tif"
        if not path.is_file():
            write_strips(path, args.paint_side)
        with open_studio(folder) as address, open_page(address, LAPTOP) as page:
            yield f"paint, {args.paint_side}x{args.paint_side}", measure_paint(page)


def write_photo(out: Path, side: int) -> Path:
    """Return a folder with a picture of discs."""
    folder = out / f"discs-{side}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_discs(side)).save(folder / "discs.png", compress_level=1)
    return folder


def make_page(store: Store) -> str:
    """Return the page."""
    rows: dict[str, list[list[str]]] = {"strokes": [], "frames": [], "paint": []}
    for name, figures in store.items():
        kind, *about = name.split(", ")
        if kind == "strokes":
            spread = [f"{value:.0f} ms" for stage in STAGES for value in figures[stage]]
            rows[kind].append([*about, str(figures["strokes"]), *spread])
        elif kind == "frames":
            parts = [figures["drawing"], figures["panning"]]
            rows[kind].append([*about, *(text for fps, p95 in parts for text in (f"{fps:.0f}", f"{p95:.0f} ms"))])
        else:
            rows[kind].append([*about, *(f"{figures[part]:.1f} s" for part in ("first", "whole", "stroke"))])
    heads = {"strokes": HEAD_STROKES, "frames": HEAD_FRAMES, "paint": HEAD_PAINT}
    tables = [format_table(heads[kind], part) for kind, part in rows.items() if part]
    text = " ".join(__doc__.split("\n\n")[2].split())
    return format_page("How long the studio takes", store, [text, *tables])


def main(arguments: Sequence[str] | None = None, places: Places = Places()) -> None:
    """Run the suite."""
    words, parser = start_suite(SUITE, __doc__, arguments)
    parser.add_argument("out", type=Path)
    kinds = ("strokes", "frames", "paint")
    parser.add_argument("--only", nargs="+", choices=kinds, default=list(kinds))
    parser.add_argument("--strokes", type=int, default=100)
    parser.add_argument("--side", type=int, default=1024, help="of the image that strokes are timed on")
    parser.add_argument("--frame-side", type=int, default=4096, help="of the image that frames are counted on")
    parser.add_argument("--paint-side", type=int, default=20_000, help="of the TIFF whose first paint is timed")
    parser.add_argument("--seconds", type=float, default=DRAWN_SECONDS, help="of drawing, and of panning")
    args = parser.parse_args(words)
    store, origin = Store(SUITE, places), make_origin(SUITE, words, args)
    for name, figures in measure(args):
        print(f"{name}: {figures}", file=sys.stderr, flush=True)
        store.add(name, figures, origin)
    page = make_page(store)
    (places.pages / f"{SUITE}.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
