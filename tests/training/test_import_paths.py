"""Models and losses as objects: found again by their import path, or named as what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry
from pixelwise.training.import_paths import register_object, require_registered


@pytest.fixture
def registry() -> Registry[object]:
    return Registry("model", "pixelwise.tests", {"known": 1})


def test_a_name_is_itself_and_a_misspelt_one_is_answered(registry: Registry[object]) -> None:
    assert register_object(registry, None) is None
    assert register_object(registry, "known") == "known"
    with pytest.raises(OptionError, match=r"model: found 'knwon' \(did you mean known\?\)"):
        register_object(registry, "knwon")


def test_what_is_neither_a_name_nor_a_function_is_refused(registry: Registry[object]) -> None:
    with pytest.raises(OptionError, match="model: found 5; expected a name or a function"):
        register_object(registry, 5)


def test_what_can_be_imported_is_found_in_another_process(
    registry: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_nets.py").write_text("class Nets:\n    def small(): return 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    import my_nets

    assert register_object(registry, my_nets.Nets.small) == "my_nets:Nets.small"
    elsewhere: Registry[object] = Registry("model", "pixelwise.tests", {})
    require_registered(elsewhere, "my_nets:Nets.small")
    assert elsewhere["my_nets:Nets.small"] is my_nets.Nets.small
    del sys.modules["my_nets"]


def test_what_cannot_be_imported_is_asked_for_again(registry: Registry[object]) -> None:
    def local() -> int:
        return 5

    name = register_object(registry, local)
    assert name is not None
    assert registry[name] is local
    elsewhere: Registry[object] = Registry("model", "pixelwise.tests", {})
    with pytest.raises(OptionError, match=r"model: found <.*local>, which cannot be imported; .*`model`"):
        require_registered(elsewhere, name)


def test_a_new_object_takes_the_place_of_an_older_one(registry: Registry[object]) -> None:
    """As a cell of a notebook that runs again."""
    first, second = (lambda: 1), (lambda: 2)
    second.__qualname__ = first.__qualname__
    names = {register_object(registry, first), register_object(registry, second)}
    assert len(names) == 1
    assert registry[str(names.pop())] is second


@pytest.mark.parametrize("path", ["no_such_module:net", "collections:no_such_net", "os:kill", "collections:"])
def test_a_path_without_a_model_is_refused(registry: Registry[object], path: str) -> None:
    with pytest.raises(OptionError, match="where no model is found"):
        require_registered(registry, path)
