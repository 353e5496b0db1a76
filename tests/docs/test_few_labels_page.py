"""The page on few labels: its example runs as it stands, but for the length of the training."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelwise.core.safe_yaml import yaml_value
from pixelwise.training import recipe

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "few_labels.md").read_text(encoding="utf-8")
LIVE = ["label", "evaluate", "predict"]
"""The commands on the live model's file, and the code after them: `tests/cli/test_label.py` writes such a file."""
SHORT = ["--epochs", "1", "--model", "segnet", "--width", "0.06"]


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> None:
    monkeypatch.chdir(tmp_path)
    code, _ = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(code, "docs/guides/few_labels.md", "exec"), {})
    commands = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^pixelwise .*$", PAGE, re.MULTILINE)]
    assert [words[0] for words in commands] == [*("check", "check", "train", "evaluate"), *LIVE]
    for words in commands[: -len(LIVE)]:
        if "--minutes" in words:
            place = words.index("--minutes")
            words = words[:place] + SHORT + words[place + 2 :]
        outcome = cli(*words)
        assert outcome.code == 0, outcome.err
        if "--json" in words:
            labels = json.loads(outcome.out)["labels"]
            assert {key: labels[key] for key in ("sparse", "labelled_images", "unlabelled_images")} == {
                "sparse": True,
                "labelled_images": 20,
                "unlabelled_images": 4,
            }


def test_what_it_names_exists() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert yaml_value(text) == {"classes": ["background", "leaf", "stem"], "ignore": 255}
    fields = re.findall(r"`(\w+_\w+|confidence)`", PAGE[PAGE.index("Every number") : PAGE.index("## Validation")])
    assert len(fields) == 5
    assert set(fields) <= set(recipe.Recipe.model_fields)
