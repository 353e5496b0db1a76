"""A scan larger than memory: peak memory, pace beside that of ordinary images, and a run that is killed and resumed.

    python benchmarks/scan.py RUN CAMVID OUT [--side 32768]

Makes a tiled GeoTIFF of so many pixels a side from the test photos, and predicts it with RUN, a run directory or an
.onnx file, in a process of its own; then twelve images of 2048x2048 of the same photos; then the scan once more, killed
when half of it is done, and resumed. Prints a line each. Needs the extra `geo`, and of disk six bytes a pixel.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from rasterio.windows import Window

from lab.memory import held
from pixelwise.data import open_dataset
from pixelwise.raster.image import read_image

STRIP = 512
IMAGES, SIDE = 12, 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=2**15)
    args = parser.parse_args()
    if not args.camvid.is_dir():
        sys.exit(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    args.out.mkdir(parents=True, exist_ok=True)
    photos = [read_image(item.image) for item in open_dataset(args.camvid).splits["test"][::16]]
    scan = args.out / f"{args.side}.tif"
    if not scan.is_file():
        write_scan(scan, photos, args.side)
    write_images(args.out / "images", photos)

    seconds, peak = timed(args.run, scan, args.out / "whole")
    pace = args.side**2 / seconds / 1e6
    print(
        f"scan of {args.side}x{args.side}: {seconds:.0f} s, {pace:.3f} megapixels/s, peak memory {peak / 2**30:.2f} GiB"
    )
    seconds, peak = timed(args.run, args.out / "images", args.out / "apart")
    apart = IMAGES * SIDE**2 / seconds / 1e6
    print(f"{IMAGES} images of {SIDE}x{SIDE}: {apart:.3f} megapixels/s; the scan's pace is {pace / apart:.2f} of it")
    resumed(args.run, scan, args.out / "killed")
    same = digest(args.out / "whole" / scan.name) == digest(args.out / "killed" / scan.name)
    print(f"killed and resumed: {'the same bytes' if same else 'other bytes'}")


def write_scan(path: Path, photos: list[np.ndarray], side: int) -> None:
    """Write photos side by side and one above the other, at a place on earth; no two rows of photos are alike."""
    form = {
        "driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint8", "tiled": True,
        "blockxsize": STRIP, "blockysize": STRIP, "compress": "deflate", "zlevel": 1, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    height, width, _ = photos[0].shape
    with rasterio.open(path, "w", **form, crs="EPSG:32632", transform=from_origin(5e5, 5e6, 0.1, 0.1)) as file:
        for top in range(0, side, STRIP):
            rows = np.arange(top, min(top + STRIP, side))
            strip = np.empty((len(rows), side, 3), np.uint8)
            for row in np.unique(rows // height):
                here = rows // height == row
                beside = [photos[(row * 7 + column) % len(photos)] for column in range(-(-side // width))]
                strip[here] = np.concatenate(beside, axis=1)[rows[here] % height, :side]
            file.write(strip.transpose(2, 0, 1), window=Window(0, top, side, len(rows)))


def write_images(folder: Path, photos: list[np.ndarray]) -> None:
    """Write images of `SIDE` squared from the same photos."""
    folder.mkdir(exist_ok=True)
    height, width, _ = photos[0].shape
    for index in range(IMAGES):
        rows = [
            np.concatenate([photos[(index + 7 * row + column) % len(photos)] for column in range(-(-SIDE // width))], 1)
            for row in range(-(-SIDE // height))
        ]
        Image.fromarray(np.concatenate(rows)[:SIDE, :SIDE]).save(folder / f"{index}.png", compress_level=1)


def command(run: Path, images: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "pixelwise", "predict", str(run), str(images), "--out", str(out)]


def timed(run: Path, images: Path, out: Path) -> tuple[float, int]:
    """Return the seconds that `pixelwise predict` takes, and the most bytes that it holds, mapped files included."""
    shutil.rmtree(out, ignore_errors=True)
    started = time.perf_counter()
    process = subprocess.Popen(command(run, images, out), stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, held("VmHWM", process.pid))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"pixelwise predict {images}: exit code {process.returncode}")
    return time.perf_counter() - started, peak


def resumed(run: Path, scan: Path, out: Path) -> None:
    """Predict a scan, killed when half of its rows are done, then with --resume."""
    shutil.rmtree(out, ignore_errors=True)
    process = subprocess.Popen(command(run, scan, out), stdout=subprocess.DEVNULL)
    kept, half = out / f".{scan.stem}.rows", 0
    with rasterio.open(scan) as file:
        half = file.height * file.width // 2
    while process.poll() is None and not (kept.is_file() and kept.stat().st_size > half):
        time.sleep(0.2)
    process.kill()
    process.wait()
    print(f"kill -9 at {kept.stat().st_size / (2 * half):.0%}")
    subprocess.run([*command(run, scan, out), "--resume"], check=True, stdout=subprocess.DEVNULL)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
