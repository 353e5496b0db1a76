"""`pixelwise studio`: what is typed, what is said, and what is refused before anything is made."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.studio import memory, server
from pixelwise.studio.state import Studio

Cli = Callable[..., Any]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(2):
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Studio]:
    """The studios that were served: not at all, they end at once."""
    studios: list[Studio] = []

    def serve(studio: Studio, host: str, port: int | None, on_start: Callable[[str], None]) -> None:
        studios.append(studio)
        on_start(server.address_of(host, port or 8765, "" if host == "127.0.0.1" else "secret"))

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(memory, "return_freed_memory", lambda: None)  # which holds for the whole process
    return studios


def test_address_is_printed_and_the_project_made(cli: Cli, photos: Path, served: list[Studio]) -> None:
    result = cli("studio", photos, "--classes", "sky, tree", "--no-browser", "--port", "9000")
    assert result.code == 0
    assert "photos-labels: 2 images" in result.out
    assert "http://127.0.0.1:9000/ " in result.out
    assert served[0].project.classes.names == ("sky", "tree")
    again = cli("studio", photos.with_name("photos-labels"), "--no-browser")
    assert again.code == 0
    assert served[1].project.folder.root == photos.with_name("photos-labels")


def test_other_machines_get_an_address_with_a_token(cli: Cli, photos: Path, served: list[Studio]) -> None:
    result = cli("studio", photos, "--no-browser", "--host", "0.0.0.0")
    assert "http://127.0.0.1:8765/?token=secret" in result.out


def test_sample_is_drawn_once(cli: Cli, tmp_path: Path, served: list[Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("studio", "--sample", "--no-browser").code == 0
    assert len(served[0].project.images) == 12
    assert served[0].describe()["sample"] is True
    drawn = {path: path.stat().st_mtime_ns for path in (tmp_path / "pixelwise-sample" / "photos").iterdir()}
    assert cli("studio", "--sample", "--no-browser").code == 0
    assert {path: path.stat().st_mtime_ns for path in drawn} == drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a folder of images, or --sample"),
        (("--sample", "photos"), "Give one of them"),
        (("nothing",), "no such directory"),
        (("photos", "--classes", "a,a"), "the name 'a' twice"),
        (("photos", "--model", "no.onnx"), "no such file or directory"),
    ],
)
def test_mistakes_are_told(
    cli: Cli,
    photos: Path,
    served: list[Studio],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(photos.parent)
    result = cli("studio", *arguments, "--no-browser")
    assert result.code == 2
    assert message in result.err
    assert not served


@pytest.mark.parametrize(("package", "extra"), [("starlette", "studio"), ("torch", "train")])
def test_missing_extra_is_told(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    result = cli("studio", photos, "--no-browser")
    assert result.code == 2
    assert f"no package {package}" in result.err
    assert f"the extra `{extra}`" in result.err
    assert not photos.with_name("photos-labels").exists()


def test_taken_port_is_told_and_the_default_moves_on() -> None:
    from pixelwise.core.errors import OptionError

    with server._listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match="nothing can listen"):
            server._listen("127.0.0.1", port)
        with pytest.raises(OptionError, match="nothing can listen"):
            server._listen("203.0.113.7", None)
