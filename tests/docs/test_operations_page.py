"""The page that explains the operations: its examples give what they say, and its pictures are there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "operations.md").read_text(encoding="utf-8")


def test_the_examples_give_what_they_say() -> None:
    examples = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, "operations.md", None, None)
    assert len(test.examples) == 9
    assert doctest.DocTestRunner().run(test).failed == 0


def test_every_picture_is_shown_and_every_shown_picture_is_there() -> None:
    shown = re.findall(r'<img src="operations/(\w+\.png)"', PAGE)
    assert sorted(shown) == sorted(path.name for path in (DOCS / "reference" / "operations").iterdir())
