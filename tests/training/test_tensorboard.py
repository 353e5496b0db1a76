"""Event files are what TensorBoard reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import OutputError
from pixelwise.training.tensorboard import Board


def test_tensorboard_reads_the_curves_of_a_run_that_was_gone_on_with(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with Board(tmp_path / "board", 1) as board:
        for step, loss in ((1, 0.5), (2, 0.25), (3, 9.0)):
            board.add("loss", loss, step)
    with Board(tmp_path / "board", 3) as board:  # the checkpoint was that after step 2
        board.add("loss", 0.125, 3)
    events = reader.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25), (3, 0.125)]


def test_each_process_has_a_file_of_its_own(tmp_path: Path) -> None:
    with Board(tmp_path, 0), Board(tmp_path, 0):
        assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        Board(tmp_path / "file" / "board", 0)
