"""`Problem` and how paths are shown."""

from __future__ import annotations

import re

from pixelwise.data.item_check import HARMLESS, KINDS
from pixelwise.data.problem import Problem


def test_the_docstring_lists_every_kind_and_whether_it_harms() -> None:
    remarks, _, harmful = (Problem.__doc__ or "").partition("These kinds are remarks")[2].partition("These kinds harm")
    assert set(re.findall(r"`(\w+)`", remarks)) == set(HARMLESS)
    assert set(re.findall(r"`(\w+)`", harmful.partition("Examples")[0])) == set(KINDS) - set(HARMLESS)
