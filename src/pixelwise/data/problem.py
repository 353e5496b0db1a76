"""`Problem`: one thing that is wrong with a data set, or was assumed about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.text import join_first

_SHOWN = 3
"""Paths that a message lists."""


@dataclass(frozen=True)
class Problem:
    """One finding about a data set.

    A layout passes its findings about lists and annotations to `Dataset.problems`.

    Attributes
    ----------
    file
        The file concerned; the data set's directory where all of it is concerned.
    kind
        One of the words below, which are the keys of `pixelwise.data.item_check.KINDS`.
    message
        What was found, what was expected, and what was done or is to be done: "found ...; expected .... Correct it."

    Notes
    -----
    These kinds are remarks: `assumed` (how data that can be read in two ways were read), `mended` (what was corrected
    while labels were read), `passed_over` (files that were not read), `inverted_mask`, `no_val`, `narrow_range`,
    `pages`, `empty_class`, `class_not_in_val`, `class_not_in_test`.

    These kinds harm a training, and `pixelwise check` exits with 1: `unreadable`, `size_mismatch`, `unknown_value`,
    `bad_annotation`, `jpeg_mask`, `missing_mask`, `missing_image`, `duplicate`, `resized_mask`, `missing_objects`,
    `unlabelled`, `no_train`, `class_lists`, `one_class`, `class_not_in_train`.

    Examples
    --------
    >>> from pathlib import Path
    >>> Problem(Path("a.json"), "passed_over", "found a line; expected polygons. It was left out.").kind
    'passed_over'
    """

    file: Path
    kind: str
    message: str


def display_path(root: Path, path: Path) -> str:
    """Return a path as messages show it: relative to the data set's directory `root` where it lies in there."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def list_paths(root: Path, paths: Sequence[Path]) -> str:
    """Return the first few paths as text (see `display_path`)."""
    return join_first([display_path(root, path) for path in paths[: _SHOWN + 1]], _SHOWN)
