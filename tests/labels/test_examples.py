"""The examples in the docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["objects", "selection", "simulate", "strokes", "superpixels"])
def test_examples_run(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"pixelwise.labels.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
