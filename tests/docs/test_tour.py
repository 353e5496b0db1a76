"""The tour of segmentation: it runs from top to bottom, draws its pictures, and says the same in both languages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TOUR = Path(__file__).parents[2] / "docs" / "tour"
PAGES = {name: (TOUR / name).read_text(encoding="utf-8") for name in ("tour.md", "tour.ko.md")}
OF_TRAINING = ("fcn.png", "fine_tuning.png")
"""What is learnt for a moment differs from machine to machine."""
STEPS = {"learnt(net, 150)": "learnt(net, 3)", "learnt(encoder_of, 60)": "learnt(encoder_of, 3)"}
"""Trainings of the page, and the shorter ones that are run here: they take most of its time."""


def pictures(page: str) -> list[str]:
    return re.findall(r"!\[[^]]*\]\((\w+\.png)\)", page)


def code(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)


def test_both_languages_have_the_same_steps_code_and_pictures() -> None:
    english, korean = PAGES.values()
    assert code(english) == code(korean)
    assert pictures(english) == pictures(korean)
    for parts in (r"^## ", r"^(?:> .*\n)+"):  # steps, and the paragraphs of formulas
        assert len(re.findall(parts, english, re.MULTILINE)) == len(re.findall(parts, korean, re.MULTILINE))
    assert len(code(english)) == 25


def test_every_picture_is_shown_and_every_shown_picture_is_there() -> None:
    assert sorted(pictures(PAGES["tour.md"])) == sorted(path.name for path in TOUR.glob("*.png"))


def test_the_tour_runs_and_draws_the_pictures_that_the_page_shows(tmp_path: Path) -> None:
    page = PAGES["tour.md"]
    for steps, fewer in STEPS.items():
        assert page.count(steps) == 1
        page = page.replace(steps, fewer)
    (tmp_path / "tour.md").write_text(page, encoding="utf-8")
    line = [sys.executable, str(TOUR / "run.py"), str(tmp_path / "tour.md"), "--out", str(tmp_path)]
    printed = subprocess.run(line, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    assert "Aᵀ x is the same: True" in printed
    assert "at 128 channels: 0.119 of the weights, 1/128 + 1/9 = 0.119" in printed
    assert "plain: sees 7x7, output 32x32, 110,592 multiply-adds a pixel" in printed
    assert "pooled: sees 18x18, output 8x8, 48,384 multiply-adds a pixel" in printed
    assert "dilated: sees 15x15, output 32x32, 110,592 multiply-adds a pixel" in printed
    assert "separable: sees 15x15, output 32x32, 14,016 multiply-adds a pixel" in printed
    assert "concatenated: (1, 1024, 56, 56)" in printed
    assert "pixel accuracy 0.875, mean accuracy 0.841" in printed
    assert "IoU [0.75, 0.857, 0.667], mIoU 0.758, frequency-weighted IoU 0.775" in printed
    assert "Dice from IoU is the same: True" in printed
    assert "loss 0.2887, by hand 0.2887, weights [0.1875, 1.0, 3.0]" in printed
    assert "252x252 -> 68x68: 92 pixels less on each side" in printed
    largest = re.search(r"largest difference at 224x224: (\S+), of scores up to (\S+)", printed)
    assert largest is not None
    assert float(largest[1]) <= 1e-4 * float(largest[2])
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == set(pictures(PAGES["tour.md"]))
    for name in drawn - set(OF_TRAINING):
        with Image.open(tmp_path / name) as new, Image.open(TOUR / name) as shown:
            assert new.size == shown.size, name
            difference = np.abs(np.asarray(new.convert("RGB"), float) - np.asarray(shown.convert("RGB"), float))
        assert difference.mean() < 1, name  # of 255: another Pillow may smooth letters otherwise


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+\.md)\)", PAGES[page]):
        assert (TOUR / target).resolve().is_file(), target
