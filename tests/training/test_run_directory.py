"""Where a run's files lie, and when a directory may be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixelwise.core.errors import OutputError, RunError
from pixelwise.training.run_directory import RunDirectory

FILES = ("config.yaml", "checkpoints/last.ckpt", "weights.safetensors", "model.onnx", "metrics.json", "history.csv")


def test_the_files_lie_where_scripts_look_for_them(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    paths = (run.config, run.checkpoint, run.weights, run.model, run.metrics, run.history)
    assert [str(path.relative_to(tmp_path)) for path in paths] == list(FILES)
    assert run.report == tmp_path / "report.html"


def test_a_run_is_finished_when_its_report_is_there(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        assert not run.finished
    run.report.touch()
    assert run.finished


def test_a_new_or_empty_directory_is_free(tmp_path: Path) -> None:
    RunDirectory(tmp_path).require_free()
    RunDirectory(tmp_path / "not" / "there").require_free()


def test_a_directory_with_files_and_a_file_are_not(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"found a directory that holds files; .*`resume=True`"):
        RunDirectory(tmp_path).require_free()
    with pytest.raises(OutputError, match=r"notes\.txt: found a file; expected a directory to make"):
        RunDirectory(file).require_free()
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_run_that_was_stopped_before_its_plan_can_be_resumed(tmp_path: Path) -> None:
    RunDirectory(tmp_path).require_started()
    (tmp_path / ".config.left.yaml").touch()
    RunDirectory(tmp_path).require_started()
    assert not RunDirectory(tmp_path).has_begun
    with pytest.raises(
        RunError, match=r"no such directory; expected a run that was started\. There is nothing to resume"
    ):
        RunDirectory(tmp_path / "new").require_started()
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(RunError, match=r"no config\.yaml; expected a run that was started"):
        RunDirectory(tmp_path).require_started()


def test_weights_need_their_configuration(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for present in ((), (run.config,), (run.weights,)):
        for path in (run.config, run.weights):
            path.unlink(missing_ok=True)
        for path in present:
            path.touch()
        with pytest.raises(RunError, match=r"found no config\.yaml with weights\.safetensors"):
            run.require_weights()
    run.config.touch()
    run.require_weights()


def test_the_history_has_a_row_an_entry_and_empty_cells_where_nothing_was_validated(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_history(
        [
            {"step": 1, "epoch": 0.5, "loss": 1.25, "val_miou": None},
            {"step": 2, "epoch": 1.0, "loss": 0.1, "val_miou": 0.5},
        ]
    )
    assert run.history.read_bytes() == b"step,epoch,loss,val_miou\n1,0.5,1.25,\n2,1.0,0.1,0.5\n"


def test_an_empty_history_writes_no_file(tmp_path: Path) -> None:
    RunDirectory(tmp_path).write_history([])
    assert list(tmp_path.iterdir()) == []


def test_metrics_are_json_with_names_as_they_are(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    metrics = {"split": "val", "miou": 0.1 + 0.2, "per_class": {"Straße": {"iou": None}}}
    run.write_metrics(metrics)
    text = run.metrics.read_text(encoding="utf-8")
    assert json.loads(text) == metrics
    assert "Straße" in text
    assert text.endswith("}\n")


def test_the_score_is_that_in_the_metrics_and_none_without(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_metrics() == {}
    run.write_metrics({"split": "val", "miou": 0.25})
    assert run.read_metrics()["miou"] == 0.25
    run.write_metrics({"split": "val", "miou": None})  # not one pixel counted
    assert run.read_metrics()["miou"] is None


def test_half_written_files_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.checkpoint.parent.mkdir()
    half = (
        tmp_path / "checkpoints" / ".pixelwise-a1b2c3d4.tmp.ckpt",
        tmp_path / ".pixelwise-x_y0z123.tmp.safetensors",
        tmp_path / ".pixelwise-x_y0z123.lock",
        run.draft,
    )
    remaining = (
        run.checkpoint,
        run.weights,
        tmp_path / ".DS_Store",
        tmp_path / "notes.ckpt",
        tmp_path / ".last.mine.ckpt",
    )
    for path in (*half, *remaining):
        path.touch()
    run.clear_leftovers()
    assert not any(path.exists() for path in half)
    assert all(path.exists() for path in remaining)


def test_one_process_at_a_time_trains_in_a_directory(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "runs" / "a")
    with run.locked(new=True) as is_locked:
        assert is_locked
        run.history.write_text("step\n", encoding="utf-8")
        expected = rf"found a run that is being trained by process {os.getpid()} on .*, since .*`resume=True` goes on"
        for new in (True, False):
            with pytest.raises(RunError, match=expected), RunDirectory(run.path).locked(new=new):
                raise AssertionError
        with pytest.raises(RunError, match=expected):
            run.require_free()
        with pytest.raises(RunError, match=expected):
            run.require_idle()
    run.require_idle()
    with run.locked(new=False):
        pass
    assert [path.name for path in run.path.iterdir()] == ["history.csv"]


def test_a_directory_is_gone_where_nothing_came_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunDirectory(tmp_path / "runs" / "a").locked(new=True):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_training_left_of_its_start_is_no_run(tmp_path: Path) -> None:
    for name in (".train.lock", ".pixelwise-a1b2c3d4.lock", ".pixelwise-a1b2c3d4.tmp.yaml"):
        (tmp_path / name).touch()
    run = RunDirectory(tmp_path)
    run.require_free()
    with run.locked(new=True):
        run.clear_leftovers()
        assert [path.name for path in tmp_path.iterdir()] == [".train.lock"]
    assert list(tmp_path.iterdir()) == []


def test_files_that_came_meanwhile_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputError, match="a directory that holds files"), RunDirectory(tmp_path).locked(new=True):
        raise AssertionError
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = RunDirectory(tmp_path / "file" / "run")
    with pytest.raises(OutputError, match="Something stands in its place"), run.locked(new=False):
        raise AssertionError


def test_metrics_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    """The names of classes may be any."""
    script = """
import sys
from pathlib import Path
from pixelwise.training.run_directory import RunDirectory
run = RunDirectory(Path(sys.argv[1]))
run.write_metrics({"per_class": {"\\u9053\\u8def": 1}})
print(ascii(run.read_metrics()))
"""
    environment = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=environment, capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == r"{'per_class': {'\u9053\u8def': 1}}"
    assert "道路" in (tmp_path / "metrics.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\0"])
def test_damaged_metrics_are_named(tmp_path: Path, text: str) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_metrics() == {}
    run.write_metrics({"größe": 0.5})
    assert run.read_metrics() == {"größe": 0.5}
    run.metrics.write_text(text)
    with pytest.raises(RunError, match=r"metrics\.json: found a file that cannot be read"):
        run.read_metrics()
    run.metrics.write_text("[]")
    with pytest.raises(RunError, match="expected a JSON object"):
        run.read_metrics()
