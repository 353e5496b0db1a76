"""The site: it is built strictly, shows every public name, message and option, and loads nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import pixelwise as pw
from docs.hooks.api_page import ORDER, names_of, value_of
from docs.hooks.block_lines import part_blocks
from docs.hooks.cli_page import cli_page
from docs.hooks.messages_page import messages
from docs.hooks.names_page import names_page
from pixelwise.cli.app import app

ROOT = Path(__file__).parents[2]
NAMES = [name for page in ORDER for name in names_of(page)]
TERMS = {
    "argmax": "argmax over",
    "encoder": "Encoder and decoder",
    "pooling indices": "unpooling",
    "receptive field": "receptive",
    "dilated convolution": "Dilated convolution",
    "depthwise separable": "depthwise separable",
    "bed of nails": "bed of nails",
    "bilinear": "bilinear",
    "transposed convolution": "transposed convolution",
    "deconvolution": "deconvolution",
    "FCN": "FCN",
    "fine-tuning": "fine-tun",
    "SegNet": "SegNet",
    "overlap-tile": "overlap-tile",
    "elastic": "elastic",
    "instance segmentation": "instance segmentation",
    "skip connection": "skip connection",
    "pixel accuracy": "pixel accuracy",
    "mean IoU": "mean IoU",
    "frequency-weighted IoU": "frequency-weighted IoU",
    "cross-entropy": "cross-entropy",
    "median-frequency balancing": "median-frequency balancing",
    "data augmentation": "data augmentation",
}
"""Terms of the chapter, and a text that the index of the search has for each."""


def test_every_public_name_is_on_a_page_of_the_reference() -> None:
    public = {f"pixelwise.{name}" for name in pw.__all__} - {"pixelwise.__version__", "pixelwise.models"}
    assert public <= set(NAMES)
    assert "pixelwise.models.build" in NAMES
    assert len(NAMES) == len(set(NAMES))
    for name in NAMES:
        assert value_of(name) is not None


def test_the_page_of_commands_has_every_option() -> None:
    page = cli_page()
    for name, command in typer.main.get_group(app).commands.items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        of_group = [parameter for single in getattr(command, "commands", {}).values() for parameter in single.params]
        for parameter in [*command.params, *of_group]:
            if parameter.name != "help":
                flag = parameter.opts[0]
                assert (flag if flag.startswith("-") else parameter.metavar or flag.upper()) in section, (name, flag)


def test_every_flag_on_the_page_of_names_is_one() -> None:
    commands = typer.main.get_group(app).commands.values()
    flags = {flag for command in commands for parameter in command.params for flag in parameter.opts}
    on_page = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", names_page()))
    assert {"--augmentation", "--loss", "--format", "--to"} <= on_page
    assert on_page <= flags


def test_the_index_of_messages_has_what_errors_say() -> None:
    texts = messages()
    assert sum(map(len, texts.values())) > 400
    with pytest.raises(pw.DataError) as caught:
        pw.open_dataset("no-such-folder")
    error = caught.value
    assert (error.found, error.expected) in {(text.found, text.expected) for text in texts["DataError"]}


def test_lists_and_tables_are_parted_from_what_stands_above() -> None:
    page = "Text\ngoes on:\n- a\n  more\n- b\n\n```\n- code\n```\n- c\nOf d:\n| d |\n|---|\n| e |\n"
    parted = "Text\ngoes on:\n\n- a\n  more\n- b\n\n```\n- code\n```\n\n- c\nOf d:\n\n| d |\n|---|\n| e |\n"
    assert part_blocks(page) == parted


def test_every_step_of_the_chapter_has_a_formula_code_and_a_picture() -> None:
    for name in ("tour.md", "tour.ko.md"):
        steps = (ROOT / "docs" / "tour" / name).read_text(encoding="utf-8").split("\n## ")[1:-1]
        assert len(steps) == 20
        for step in steps:
            for part in ("\n> ", "```python\n", ".png)"):
                assert part in step, (name, step.partition("\n")[0], part)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("the extra `docs` is not installed")
    out = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]+)"', text)
        loaded += re.findall(r'<link\b[^>]*rel="(?:stylesheet|icon|preload|preconnect)"[^>]*href="([^"]+)"', text)
        assert [address for address in loaded if "//" in address] == [], page


def test_the_search_finds_every_term_of_the_chapter(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    chapter = [entry for entry in entries if entry["location"].startswith(("tour/", "reference/operations"))]
    text = " ".join(entry["title"] + " " + entry["text"] for entry in chapter).casefold()
    for term, expected in TERMS.items():
        assert expected.casefold() in text, term
    assert any("한국어" in entry["title"] or "합성곱" in entry["text"] for entry in chapter)


def test_words_end_at_punctuation_and_u_net_is_one_word(site: Path) -> None:
    """In the index that the browser loads, and in the copy for a site without a server."""
    text = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    assert (site / "search" / "search_index.js").read_text(encoding="utf-8") == f"var __index = {text}"
    index = json.loads(text)
    words = set(re.split(index["config"]["separator"], 'dilated (atrous): U\u2011Net, 0.75 "a.b" c=d'))
    assert words == {"dilated", "atrous", "U\u2011Net", "0.75", "a", "b", "c", "d"}
    titles = {entry["location"]: entry["title"] for entry in index["docs"]}
    assert not [title for title in titles.values() if "U-Net" in title]
    (upsampling,) = [entry for entry in index["docs"] if entry["title"].endswith("BilinearUpsampling")]
    assert "Bilinear Upsampling." in upsampling["text"]
    boosts = {entry["location"].partition("#")[0]: entry["boost"] for entry in index["docs"]}
    order = ["tour/tour.html", "tour/tour.ko.html", "reference/api/losses.html", "reference/messages.html"]
    assert [boosts[page] for page in order] == sorted((boosts[page] for page in order), reverse=True)


def test_every_public_name_has_an_anchor(site: Path) -> None:
    anchors = {
        anchor
        for page in (site / "reference" / "api").glob("*.html")
        for anchor in re.findall(r'id="([\w.]+)"', page.read_text(encoding="utf-8"))
    }
    assert set(NAMES) <= anchors
