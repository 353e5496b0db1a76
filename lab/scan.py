"""A scan larger than memory: peak memory, speed beside that of ordinary images, and a run that is killed and resumed.

    python -m lab.scan RUN CAMVID OUT [--side 32768]

Makes a tiled GeoTIFF of so many pixels a side from the test photos, and predicts it with RUN, a run directory or an
.onnx file, in a process of its own; then twelve images of 2048x2048 of the same photos; then the scan once more, killed
when half of it is done, and resumed. Prints a line each. Needs the extra `geo`, and of disk six bytes a pixel.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from rasterio.windows import Window

from lab.schedule import make_environment
from lab.timing import process_memory
from pixelwise.core.files import sha256
from pixelwise.data import open_dataset
from pixelwise.raster.image import read_image

UInt8 = npt.NDArray[np.uint8]
STRIP = 512
IMAGES, SIDE = 12, 2048
MEGAPIXEL = 1e6


def write_scan(path: Path, photos: Sequence[UInt8], side: int) -> None:
    """Write photos side by side and one above the other, with a georeference; no two rows of photos are alike."""
    form = {
        "driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint8", "tiled": True,
        "blockxsize": STRIP, "blockysize": STRIP, "compress": "deflate", "zlevel": 1, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    height = photos[0].shape[0]
    with rasterio.open(path, "w", **form, crs="EPSG:32632", transform=from_origin(5e5, 5e6, 0.1, 0.1)) as file:
        for top in range(0, side, STRIP):
            rows = np.arange(top, min(top + STRIP, side))
            strip = np.empty((len(rows), side, 3), np.uint8)
            for row in np.unique(rows // height):
                here = rows // height == row
                strip[here] = _row_of_photos(photos, 7 * int(row), side)[rows[here] % height]
            file.write(strip.transpose(2, 0, 1), window=Window(0, top, side, len(rows)))


def write_images(folder: Path, photos: Sequence[UInt8], side: int) -> None:
    """Write images of `side` squared from the same photos."""
    folder.mkdir(exist_ok=True)
    for index in range(IMAGES):
        rows = [_row_of_photos(photos, index + 7 * row, side) for row in range(-(-side // photos[0].shape[0]))]
        Image.fromarray(np.concatenate(rows)[:side]).save(folder / f"{index}.png", compress_level=1)


def time_prediction(run: Path, images: Path, out: Path) -> tuple[float, int]:
    """Return the seconds that `pixelwise predict` takes, and the most bytes that it holds, mapped files included."""
    shutil.rmtree(out, ignore_errors=True)
    started = time.perf_counter()
    process = subprocess.Popen(_command(run, images, out), env=make_environment(), stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, process_memory("VmHWM", process.pid))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"pixelwise predict {images}: exit code {process.returncode}")
    return time.perf_counter() - started, peak


def kill_and_resume(run: Path, scan: Path, out: Path) -> None:
    """Predict a scan, killed when half of its rows are done, then with --resume."""
    shutil.rmtree(out, ignore_errors=True)
    process = subprocess.Popen(_command(run, scan, out), env=make_environment(), stdout=subprocess.DEVNULL)
    rows = out / f".{scan.stem}.rows"
    with rasterio.open(scan) as file:
        half = file.height * file.width // 2
    while process.poll() is None and not (rows.is_file() and rows.stat().st_size > half):
        time.sleep(0.05)
    process.kill()
    process.wait()
    if rows.is_file():
        print(f"kill -9 at {rows.stat().st_size / (2 * half):.0%}")
    again = [*_command(run, scan, out), "--resume"]
    subprocess.run(again, check=True, env=make_environment(), stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suite."""
    parser = argparse.ArgumentParser(prog="python -m lab.scan", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=2**15)
    parser.add_argument("--image-side", type=int, default=SIDE)
    args = parser.parse_args(arguments)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    args.out.mkdir(parents=True, exist_ok=True)
    photos = [read_image(item.image) for item in open_dataset(args.camvid).splits["test"][::16]]
    scan = args.out / f"{args.side}.tif"
    if not scan.is_file():
        write_scan(scan, photos, args.side)
    write_images(args.out / "images", photos, args.image_side)

    seconds, peak = time_prediction(args.run, scan, args.out / "whole")
    speed = args.side**2 / seconds / MEGAPIXEL
    size = f"{args.side}x{args.side}"
    print(f"scan of {size}: {seconds:.0f} s, {speed:.3f} megapixels/s, peak memory {peak / 2**30:.2f} GiB")
    seconds, peak = time_prediction(args.run, args.out / "images", args.out / "apart")
    apart = IMAGES * args.image_side**2 / seconds / MEGAPIXEL
    size = f"{args.image_side}x{args.image_side}"
    print(f"{IMAGES} images of {size}: {apart:.3f} megapixels/s; the scan's speed is {speed / apart:.2f} of it")
    kill_and_resume(args.run, scan, args.out / "killed")
    same = sha256(args.out / "whole" / scan.name) == sha256(args.out / "killed" / scan.name)
    print(f"killed and resumed: {'the same bytes' if same else 'other bytes'}")


def _row_of_photos(photos: Sequence[UInt8], first: int, width: int) -> UInt8:
    count = -(-width // photos[0].shape[1])
    return np.concatenate([photos[(first + column) % len(photos)] for column in range(count)], axis=1)[:, :width]


def _command(run: Path, images: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "pixelwise", "predict", str(run), str(images), "--out", str(out)]


if __name__ == "__main__":
    main()
