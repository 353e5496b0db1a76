"""A studio that serves in a thread, and a browser that is driven as a person would."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page

from pixelwise.labels.project import open_project
from pixelwise.studio.app import build_app
from pixelwise.studio.state import Studio


class ServedStudio:
    """Serves the project of a folder until `stop`; `start` goes on at the same address.

    Parameters
    ----------
    photos
        Folder of images.
    classes
        Names of the classes of a new project.
    """

    def __init__(self, photos: Path, classes: list[str] | None = None) -> None:
        self.photos = photos
        open_project(photos, None, classes).close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.studio = Studio(open_project(self.photos))
        config = uvicorn.Config(
            build_app(self.studio), port=self.port, log_level="error", lifespan="off", ws="none",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        if not self.thread.is_alive():
            return
        self.studio.hub.close()
        self.server.should_exit = True
        self.thread.join()
        self.studio.close()

    def label_map(self, number: int = 0) -> Any:
        """Return the label map that the server holds of an image."""
        image = self.studio.project.images[number]
        return self.studio.project.labels(image.name).label_map.read((0, 0, *image.size))


class Browsing:
    """What a person does with the page. Points are (row, column) of the open image."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on(
            "response",
            lambda response: response.status < 400 or self.messages.append(f"{response.status} {response.url}"),
        )
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        self.ready()

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "Failed to load resource" not in text:  # the response says which
            self.messages.append(text)

    def ready(self) -> None:
        """Wait until the image is on the screen."""
        self.page.wait_for_selector(".app")
        self.page.evaluate(
            "async () => { window.store = await import('/static/store.js');"
            " window.stage = (await import('/static/session.js')).stage; }"
        )
        self.until(
            "() => stage.viewport.width > 1 && store.get().image !== null"
            " && stage.viewport.tiles().every((tile) => stage.layers.image.entry(tile).picture)"
        )

    def until(self, condition: str, timeout: float = 15) -> None:
        """Wait until a JavaScript function returns true."""
        self.page.wait_for_function(condition, timeout=1000 * timeout)

    def state(self, expression: str) -> Any:
        """Return what an expression over the state `s` of the page gives."""
        return self.page.evaluate(f"() => {{ const s = store.get(); return {expression}; }}")

    def place(self, row: float, column: float) -> tuple[float, float]:
        """Return where a point of the image is in the window."""
        x, y = self.page.evaluate("(point) => stage.viewport.toScreen(...point)", [row, column])
        box = self.page.locator(".stage").bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y

    def click(self, row: float, column: float) -> None:
        self.page.mouse.click(*self.place(row, column))

    def draw(self, *points: tuple[float, float], steps: int = 6) -> None:
        """Draw a stroke with the tool that is chosen."""
        mouse = self.page.mouse
        mouse.move(*self.place(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.place(*point), steps=steps)
        mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        """Wait until every action is answered."""
        self.until("() => store.get().saving.waiting === 0 && !store.get().saving.failing")

    def shown_labels(self) -> Any:
        """Return the label map that the page shows, of an image of at most one tile."""
        import numpy as np

        width, height, values = self.page.evaluate(
            "() => { const { width, height, data } = stage.layers.labels.entry({ level: 0, row: 0, column: 0 });"
            " return [width, height, [...data]]; }"
        )
        return np.array(values, np.uint8).reshape(height, width)
