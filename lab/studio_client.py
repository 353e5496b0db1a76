"""What the studio's page does, by HTTP: actions, predictions, objects, a training, exports."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.spatial import ConvexHull

from lab.schedule import PIXELWISE, make_environment

SIDE = 512
"""Of the tiles that the studio answers."""
PATIENCE = 600.0
"""Seconds after which a prediction or the end of a training is waited for no longer."""
STEADY_SECONDS = 1.0
"""A prediction that is as old as the model is taken when the model has not changed for so long."""
NAME = "lab"


@contextlib.contextmanager
def run_studio(photos: Path, project: Path, classes: str, log: Path) -> Iterator[str]:
    """Yield the address of a studio on a folder of photos, and end it; `log` gets what it writes to standard error."""
    words = [str(photos), "--out", str(project), "--classes", classes, "--port", "0", "--no-browser"]
    command, environment = [*PIXELWISE, "studio", *words], make_environment()
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            address = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout or ())), None)
            if address is None:
                raise OSError(f"the studio did not start; see {log}")
            yield address[0].rstrip("/")
        finally:
            process.terminate()


class Client:
    """A client of a running studio."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.number = 0
        """Of the last action that changed pixels: the model learns from these alone."""

    def project(self) -> dict[str, Any]:
        """Return what the page is told at its start."""
        answer: dict[str, Any] = self._ask("/api/project")
        return answer

    def act(self, image: int, action: dict[str, Any]) -> None:
        """Do an action."""
        answer = self._ask("/api/actions", {"client": NAME, "image": image, **action})
        if answer["changed_box_tlbr"] is not None:
            self.number = max(self.number, answer["number"])

    def view(self, image: int, size: tuple[int, ...]) -> None:
        """Look at a whole image."""
        self._ask("/api/view", {"client": NAME, "image": image, "level": 0, "box_tlbr": [0, 0, *size]})

    def suggest_image(self) -> int:
        """Return the image that the studio would have labelled next."""
        return int(self._ask("/api/suggest/image")["image"])

    def wait_for_prediction(self, image: int, size: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """Return the predicted classes of an image, once the model has learned from the last action."""
        self.view(image, size)
        end, steady, newest = time.monotonic() + PATIENCE, time.monotonic(), -1
        while time.monotonic() < end:
            live = self.project()["live"]
            if live["problem"]:
                raise OSError(live["problem"])
            if live["model"] != newest:
                newest, steady = live["model"], time.monotonic()
            if live["number"] >= self.number and newest and time.monotonic() - steady >= STEADY_SECONDS:
                tiles = [self._tile(image, "prediction", place) for place, _ in tiles_of(size)]
                if all(tile is not None and tile[1] == str(newest) for tile in tiles):
                    return assemble([tile[0][..., 0] for tile in tiles if tile is not None], size).astype(np.uint8)
            time.sleep(0.2)
        raise TimeoutError(f"no prediction of image {image} within {PATIENCE:g} s")

    def objects(self, image: int, size: tuple[int, ...]) -> npt.NDArray[np.int32]:
        """Return the objects of an image."""
        parts = []
        for place, (top, left, bottom, right) in tiles_of(size):
            tile = self._tile(image, "objects", place)
            empty = np.zeros((bottom - top, right - left), np.int32)
            parts.append(empty if tile is None else 256 * tile[0][..., 0].astype(np.int32) + tile[0][..., 1])
        return assemble(parts, size)

    def train(self, minutes: float, task: str) -> None:
        """Train, and wait for the end."""
        self._ask("/api/training", {"command": "start", "minutes": minutes, "task": task})
        end = time.monotonic() + 60 * minutes + PATIENCE
        while (training := self.project()["training"])["state"] == "running":
            if time.monotonic() > end:
                raise TimeoutError("the training does not end")
            time.sleep(1)
        if training["state"] != "done":
            raise OSError(f"the training has {training['state']}: {training['message']}")

    def export(self, kind: str) -> bytes:
        """Return a file that the studio gives out."""
        url = self._ask("/api/export", {"kind": kind})["url"]
        with urllib.request.urlopen(self.address + url) as answer:
            content: bytes = answer.read()
        return content

    def _ask(self, path: str, content: dict[str, Any] | None = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise OSError(f"{path} {str(content)[:200]}: {error.read().decode()}") from error

    def _tile(self, image: int, kind: str, place: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], str] | None:
        """Return a tile (h, w, 3), and which model it shows; `None` where there is nothing."""
        url = f"{self.address}/api/images/{image}/{kind}/0/{place[0]}/{place[1]}.png"
        with urllib.request.urlopen(url) as answer:
            if answer.status == 204:
                return None
            return np.asarray(Image.open(io.BytesIO(answer.read()))), answer.headers.get("X-Model", "")


def tiles_of(size: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], tuple[int, int, int, int]]]:
    """Yield the row and column of each tile, and its box (top, left, bottom, right)."""
    for top in range(0, size[0], SIDE):
        for left in range(0, size[1], SIDE):
            yield (top // SIDE, left // SIDE), (top, left, min(top + SIDE, size[0]), min(left + SIDE, size[1]))


def assemble(parts: list[npt.NDArray[Any]], size: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return a map of its tiles."""
    values = np.zeros(size, parts[0].dtype)
    for (_, (top, left, bottom, right)), part in zip(tiles_of(size), parts, strict=True):
        values[top:bottom, left:right] = part
    return values


def outline_of(mask: npt.NDArray[np.bool_]) -> list[list[float]]:
    """Return the corners of the convex hull of a mask's pixels, in the order of a walk around it."""
    rows, columns = np.nonzero(mask)
    corners = np.array([(rows + down, columns + right) for down in (0, 1) for right in (0, 1)])
    points = np.unique(corners.transpose(0, 2, 1).reshape(-1, 2), axis=0)
    return [[float(row), float(column)] for row, column in points[ConvexHull(points).vertices].tolist()]
