"""Things by name, those of other packages among them."""

from __future__ import annotations

import doctest
import math
import sys
from pathlib import Path

import pytest

from pixelwise.core import registry as registry_module
from pixelwise.core.errors import ExtensionError, ExtensionWarning, OptionError
from pixelwise.core.registry import Registry, Requirement


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
    with pytest.raises(
        OptionError, match=r"found 'triangel' \(did you mean triangle\?\); expected one of square, triangle"
    ):
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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package `shapes-of-others`, with the entry points `square`, `broken` and `word`."""
    info = tmp_path / "shapes_of_others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes-of-others\nVersion: 1.0\n")
    lines = "square = math:pi\nbroken = nosuch:HEXAGON\nword = string:digits\n"
    (info / "entry_points.txt").write_text(f"[pixelwise.shapes]\n{lines}")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("package")
def test_an_entry_point_whose_name_is_taken_is_ignored_with_a_warning() -> None:
    shapes = Registry("shape", "pixelwise.shapes", {"square": 4})
    text = r"shape 'square' of the package shapes-of-others \(math:pi\) is ignored: pixelwise has one of this name"
    with pytest.warns(ExtensionWarning, match=text):
        shapes.find_extensions()
    assert shapes["square"] == 4


@pytest.mark.usefixtures("package")
def test_errors_of_an_entry_point_name_it_and_its_package() -> None:
    number = Requirement("a number", lambda thing: isinstance(thing, int))
    shapes: Registry[int] = Registry("shape", "pixelwise.shapes", {}, number)
    place = "of the package shapes-of-others"
    with pytest.raises(
        ExtensionError, match=rf"shape 'broken' {place} \(nosuch:HEXAGON\): found ModuleNotFoundError"
    ) as error:
        shapes["broken"]
    assert error.value.remedy == "Correct it, tell its authors, or uninstall shapes-of-others."
    with pytest.raises(ExtensionError, match=f"shape 'word' {place} .* an object of the type str; expected a number"):
        shapes["word"]
    with pytest.raises(ExtensionError, match="shape 'half': found an object of the type float; expected a number"):
        shapes.register("half", 0.5)  # type: ignore[arg-type]
    assert shapes.origin("broken") == f"shape 'broken' {place} (nosuch:HEXAGON)"


def test_a_fault_of_what_comes_with_pixelwise_is_no_extension_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        Registry("shape", "pixelwise.shapes", {"lost": "nosuch:x"})["lost"]
