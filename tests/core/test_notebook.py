"""Progress bars in notebooks: what IPython is given to display."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pixelwise.core import notebook


class Handle:
    """What IPython's `display` returns: the place where something is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, shown: str) -> None:
        self.shown.append(shown)


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """An IPython that runs a notebook, and keeps what it is given."""
    handle = Handle()

    def display(shown: str, *, display_id: bool) -> Handle:
        assert display_id
        handle.update(shown)
        return handle

    ipython: Any = ModuleType("IPython")
    ipython.display = SimpleNamespace(display=display, HTML=str)
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return handle


def test_a_bar_is_redrawn_in_place(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "REFRESH_SECONDS", 0.0)
    with notebook.notebook_bar("check <b>") as update:
        assert update is not None
        update(1, 2)
        update(2, 2)
    assert handle.shown == [
        '<div>check &lt;b&gt; <progress value="0" max="1"></progress> </div>',
        '<div>check &lt;b&gt; <progress value="1" max="2"></progress> 1 of 2</div>',
        '<div>check &lt;b&gt; <progress value="2" max="2"></progress> 2 of 2</div>',
    ]


def test_a_bar_is_not_drawn_for_every_image_but_for_the_last(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "REFRESH_SECONDS", 3600.0)
    bar = notebook.NotebookBar("check")
    for done in range(1, 101):
        bar.update(done, 100)
    assert len(handle.shown) == 2
    assert 'value="100"' in handle.shown[-1]


def test_there_is_no_bar_outside_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal: Any = ModuleType("IPython")
    terminal.get_ipython = lambda: SimpleNamespace()  # IPython in a terminal has a shell and no kernel
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert not notebook.is_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    with notebook.notebook_bar("check") as update:
        assert update is None
