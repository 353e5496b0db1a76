"""Things by name, those of other packages among them."""

from __future__ import annotations

import doctest
import math
import sys
from pathlib import Path

import pytest

from pixelwise.core import registry as registry_module
from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry


def test_the_example_gives_what_it_says() -> None:
    results = doctest.testmod(registry_module)
    assert results.attempted == 4
    assert results.failed == 0


def test_a_text_is_imported_when_the_entry_is_asked_for() -> None:
    shapes: Registry[float] = Registry("number", "pixelwise.numbers", {"pi": "math:pi", "none": "no_such_module:x"})
    assert list(shapes) == ["pi", "none"]
    assert shapes.source_of("pi") == "math:pi"
    assert shapes["pi"] == math.pi
    shapes.register("pi", "math:pi")  # the same again, as of a module that is imported twice
    shapes.register("e", math.e)
    assert shapes.source_of("e") is None


def test_a_name_is_given_once() -> None:
    shapes = Registry("shape", "pixelwise.shapes", {"square": 4})
    shapes.register("square", 4)  # the same again, as of a module that is imported twice
    with pytest.raises(OptionError, match="shape: found 'square', which is registered already; expected a new name"):
        shapes.register("square", 5)
    assert shapes["square"] == 4


def test_an_unknown_name_is_answered_with_the_close_ones() -> None:
    shapes = Registry("shape", "pixelwise.shapes", {"square": 4, "triangle": 3})
    with pytest.raises(OptionError, match="found 'triangel'; expected one of triangle"):
        shapes["triangel"]
    with pytest.raises(OptionError, match="found 'x'; expected one of square, triangle"):
        shapes["x"]


def test_packages_add_entries_by_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "shapes_of_others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes-of-others\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pixelwise.shapes]\nhexagon = shapes_of_others:HEXAGON\n")
    (tmp_path / "shapes_of_others.py").write_text("HEXAGON = 6\n")
    monkeypatch.syspath_prepend(tmp_path)
    shapes = Registry("shape", "pixelwise.shapes", {"square": 4})
    assert list(shapes) == ["square", "hexagon"]
    assert "shapes_of_others" not in sys.modules
    assert shapes["hexagon"] == 6
    monkeypatch.delitem(sys.modules, "shapes_of_others")
