"""The server as a process with a real socket: started from the command line, killed, and started again."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pixelwise.labels.project import Project
from pixelwise.raster.image import read_values

ROUNDS = 3
"""Times that the server is killed."""


class Process:
    """`pixelwise studio` on some photos, at an address."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pixelwise", "studio", *arguments, "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.search(r"http://\S+", line):
                self.address = match[0].rstrip("/")
                return
        raise AssertionError(self.process.stderr.read() if self.process.stderr else "")

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and what was written to standard error."""
        self.process.send_signal(number)
        _, text = self.process.communicate(timeout=30)
        return self.process.returncode, text


def draw(address: str, client: str, acknowledged: list[dict[str, Any]], stop: threading.Event) -> None:
    """Draw, undo and mark, as fast as the server answers, until it is gone."""
    rng = np.random.default_rng(len(acknowledged) + len(client))
    with httpx.Client(base_url=address, timeout=20) as http:
        for count in range(10_000):
            if stop.is_set():
                return
            points = rng.uniform(0, 90, (3, 2)).round(2).tolist()
            stroke = {"type": "stroke", "points": points, "width": 4, "class_index": int(rng.integers(2))}
            action = {**stroke, "client": client, "image": int(rng.integers(3)), "id": f"{client}-{time.time_ns()}"}
            if count % 7 == 6:
                action = {"type": "undo", "client": client, "image": action["image"], "id": action["id"]}
            try:
                answer = http.post("/api/actions", json=action)
            except httpx.TransportError:
                return
            assert answer.status_code == 200, answer.text
            if not answer.json().get("nothing"):
                acknowledged.append({**action, "number": answer.json()["number"]})


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_nothing_that_was_acknowledged_is_lost_by_kill(photos: Path) -> None:
    acknowledged: list[dict[str, Any]] = []
    rng = np.random.default_rng(7)
    for round_number in range(ROUNDS):
        server, stop = Process(str(photos)), threading.Event()
        clients = [
            threading.Thread(target=draw, args=(server.address, f"{name}{round_number}", acknowledged, stop))
            for name in ("one", "two")
        ]
        for client in clients:
            client.start()
        time.sleep(rng.uniform(0.2, 1.2))
        code, _ = server.end(signal.SIGKILL)
        stop.set()
        for client in clients:
            client.join()
        assert code == -signal.SIGKILL
    root = photos.with_name("photos-labels")
    lines = [json.loads(line) for line in (root / ".studio" / "journal.jsonl").read_text().splitlines()]
    by_number = {line["number"]: line for line in lines}
    assert list(by_number) == list(range(1, len(lines) + 1))
    assert len(acknowledged) > 5 * ROUNDS
    for action in acknowledged:
        line = by_number[action["number"]]
        assert (line["type"], line["client"], line["id"]) == (action["type"], action["client"], action["id"])
        assert line.get("points") == action.get("points")
    with Project(root) as project:
        for image in project.images:
            expected = project.store.replay(image.name).label_map.read((0, 0, *image.size))
            assert_array_equal(read_values(project.mask_path(image.name)), expected)
    assert not list(root.rglob(".pixelwise-*"))


@pytest.mark.slow
def test_events_of_one_client_reach_the_other_and_ctrl_c_says_what_next(photos: Path) -> None:
    server = Process(str(photos), "--classes", "sky,tree")
    stroke = {"type": "stroke", "points": [[5, 5]], "width": 2, "class_index": 1, "client": "one", "image": 1}
    with (
        httpx.Client(base_url=server.address, timeout=20) as http,
        http.stream("GET", "/api/events?client=two") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        assert httpx.post(f"{server.address}/api/actions", json=stroke).json()["number"] == 1
        received = [line for line, _ in zip((line for line in lines if line), range(3), strict=False)]
        assert received[:2] == ["id: 1", "event: action"]
        data = json.loads(received[2].removeprefix("data: "))
        assert (data["number"], data["image"], data["client"]) == (1, 1, "one")
        assert data["changed_box_tlbr"] == [4, 4, 6, 6]
        project = http.get("/api/project").json()
        assert [entry["name"] for entry in project["classes"]] == ["sky", "tree"]
        # Whoever comes later, having seen nothing, is told of it again.
        with http.stream("GET", "/api/events", headers={"Last-Event-ID": "0"}) as again:
            texts = again.iter_lines()
            assert [next(texts) for _ in range(4)][2:] == ["id: 1", "event: action"]
        second = subprocess.run(
            [sys.executable, "-m", "pixelwise", "studio", str(photos), "--no-browser"], capture_output=True, text=True
        )
        assert second.returncode == 2
        assert "has open" in second.stderr
        code, text = server.end(signal.SIGINT)
    assert code == 130
    assert "Everything that you drew is saved" in text
    assert "Traceback" not in text
    assert "GET /" not in text
    mask = read_values(photos.with_name("photos-labels") / "masks" / "p1.png")
    assert np.argwhere(mask == 1).tolist() == [[4, 4], [4, 5], [5, 4], [5, 5]]
