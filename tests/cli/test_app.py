"""The command line as a whole: how it ends, what it says of errors that nobody foresaw, and what it prints where."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image

import pixelwise

COMMAND = [sys.executable, "-m", "pixelwise"]
LONG = "n" * 256
Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images, of 6x8."""
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(2):
        values = np.random.default_rng(number).integers(0, 2, (6, 8), np.uint8)
        Image.fromarray(values * 255).convert("RGB").save(tmp_path / f"data/images/{number}.png")
        Image.fromarray(values).save(tmp_path / f"data/masks/{number}.png")
    return tmp_path / "data"


@pytest.fixture
def break_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make reading an image raise an error that is none of pixelwise's."""

    def break_with(error: BaseException) -> None:
        def read_stored(*_: Any) -> NoReturn:
            raise type(error)(*error.args)  # several threads read

        monkeypatch.setattr("pixelwise.data.dataset.read_stored", read_stored)

    return break_with


def test_an_unforeseen_error_is_told_as_a_fault_of_pixelwise_in_one_line(
    run: Run, data: Path, break_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    break_with(KeyError("width\n\x1b[31m"))
    assert run("check", data) == 70
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(
        f"error: this is a fault of pixelwise {pixelwise.__version__}, not yours: KeyError: 'width"
    )
    assert errors.count("\n") == 1
    assert "(pixelwise.data.dataset:" in errors
    assert f"while it was busy with {data / 'images/0.png'}" in errors
    assert "report it" in errors
    assert "--debug" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("before", [True, False])
def test_debug_shows_the_traceback_before_the_command_and_after(
    run: Run, data: Path, break_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    break_with(KeyError("\x1b[31mwidth"))
    assert run(*(["--debug", "check", data] if before else ["check", data, "--debug"])) == 70
    errors = capsys.readouterr().err
    assert "Traceback" in errors
    assert "in read_stored" in errors
    assert "\x1b" not in errors
    assert errors.splitlines()[-1].startswith("error: this is a fault of pixelwise")


def test_a_users_mistake_is_none_of_pixelwises_and_shows_its_traceback_on_demand(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none"
    assert run("check", missing) == 2
    assert capsys.readouterr() == (
        "",
        f"error: {missing}: found no such directory; expected a directory of images and masks. Check the path.\n",
    )
    assert run("check", missing, "--debug") == 2
    assert "DataError" in capsys.readouterr().err


def test_a_file_called_as_the_option_is_a_file(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--", "--debug") == 2
    assert capsys.readouterr().err.startswith("error: --debug: found no such directory")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 5.59 GiB for an array with shape (1500000000,) and data type float32"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 6000000000 bytes."),
    ],
)
def test_too_little_memory_is_told_with_the_file_and_what_to_do(
    run: Run,
    data: Path,
    break_with: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    break_with(error)
    assert run("check", data) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: too little memory, while it was busy with {data / 'images/0.png'}: ")
    assert (str(error).rstrip(".") or "an allocation failed") in errors
    assert "PIXELWISE_MAX_PIXELS" in errors
    assert "fault of pixelwise" not in errors


def test_what_the_system_refuses_is_told_as_that(
    run: Run, data: Path, break_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    break_with(OSError(errno.EIO, "Input/output error", str(data / "images/0.png")))
    assert run("check", data) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {data / 'images/0.png'}: Input/output error.")
    assert "fault of pixelwise" not in errors


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_and_version(run: Run, capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert run(option) == 0
    assert "--debug" in capsys.readouterr().out
    assert run("check", option) == 0
    assert "DATA" in capsys.readouterr().out
    assert run("--version") == 0
    assert capsys.readouterr().out == f"pixelwise {pixelwise.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["check", LONG], "DATA"),
        (["check", f"data/{LONG}/x"], "DATA"),
        (["check", "data", "--images-root", LONG], "--images-root"),
        (["convert", LONG, "--to", "voc", "--out", "out"], "DATA"),
        (["convert", "data", "--to", "voc", "--out", LONG], "--out"),
        (["evaluate", LONG, "data"], "MODEL"),
        (["predict", LONG, "a.png", "--out", "out"], "MODEL"),
        (["predict", "m.onnx", "a.png", LONG, "--out", "out"], "IMAGES"),
        (["predict", "m.onnx", "a.png", "--out", LONG], "--out"),
        (["train", LONG, "--out", "out"], "DATA"),
        (["train", "data", "--out", LONG], "--out"),
        (["train", "data", "--out", "out", "--from", LONG], "--from"),
        (["train", "data", "--out", "out", "--config", LONG], "--config"),
        (["export", LONG, "--out", "m.onnx"], "RUN"),
        (["export", "run", "--out", LONG], "--out"),
        (["export", "run", "--out", "m.onnx", "--int8", "--data", LONG], "--data"),
        (["inspect", LONG], "MODEL"),
        (["inspect", "fpn", "--picture", LONG], "--picture"),
        (["train", "data", "--out", "out", "--encoder-weights", LONG], "--encoder-weights"),
        (["benchmark", LONG], "MODEL"),
        (["demo", "--out", LONG], "--out"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_by_every_command(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], where: str
) -> None:
    assert run(*arguments) == 2
    expected = "found a path with a name of 256 bytes; expected names of 255 bytes at most. Check the path."
    assert capsys.readouterr() == ("", f"error: {where}: {expected}\n")


@pytest.mark.parametrize("command", ["check", "convert", "evaluate", "predict", "train", "export", "inspect"])
def test_a_nul_character_is_refused_by_every_command(
    run: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run(command, "a\0b") == 2
    assert capsys.readouterr().err.startswith("error: the command line: found a NUL character")


def many_problems(folder: Path) -> Path:
    """A data set with more to say than a pipe holds: 1,000 images without a mask."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "images/a.png")
    Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).save(folder / "masks/a.png")
    for number in range(1000):
        os.link(folder / "images/a.png", folder / f"images/without_a_mask_{number}.png")
    return folder


@pytest.mark.parametrize("lines", [0, 3])
def test_output_that_nobody_reads_to_its_end_is_no_error(tmp_path: Path, lines: int) -> None:
    """As `pixelwise check data | head -3` does, and with a reader that is gone before anything was printed."""
    command = [*COMMAND, "check", str(many_problems(tmp_path / "data"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = [process.stdout.readline() for _ in range(lines)]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
    assert all(line.endswith(b"\n") for line in first)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_that_cannot_be_written_is_an_error(data: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "models"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_an_interrupt_ends_it_without_a_traceback(data: Path) -> None:
    script = (
        "import os, time, pixelwise.data.dataset as dataset\n"
        "def read_stored(*_):\n"
        "    os.write(1, b'busy\\n')\n"
        "    time.sleep(0.5)\n"
        "    return read(*_)\n"
        "read, dataset.read_stored = dataset.read_stored, read_stored\n"
        "from pixelwise.cli.app import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, "check", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_warnings_of_libraries_are_for_who_debugs(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pixelwise.data.dataset as dataset

    def read_stored(*arguments: Any) -> Any:
        warnings.warn("from a library", UserWarning, stacklevel=1)
        return read(*arguments)

    read = dataset.read_stored
    monkeypatch.setattr(dataset, "read_stored", read_stored)

    def tell(message: Warning | str, *_: Any) -> None:
        print(message, file=sys.stderr)

    monkeypatch.setattr(warnings, "showwarning", tell)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        run("check", data)
        assert "from a library" not in capsys.readouterr().err
        run("check", data, "--debug")
        assert "from a library" in capsys.readouterr().err


ENCODINGS = ["cp1252", "ascii", "latin-1", "ascii:strict", "utf-8"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_can_be_printed_in_any_encoding(data: Path, encoding: str) -> None:
    (data / "classes.yaml").write_text("classes: [Straße, 道路]", encoding="utf-8")
    bad = data / "images/写真.png"
    bad.write_bytes(b"no image")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "check", str(data)], env=environment, capture_output=True)
    assert done.returncode == 1
    assert done.stderr == b""
    printed = done.stdout.decode(encoding.partition(":")[0])
    assert ("写真.png" if encoding == "utf-8" else r"\u5199\u771f.png") in printed
    assert ("道路" if encoding == "utf-8" else r"\u9053\u8def") in printed
    as_json = subprocess.run([*COMMAND, "check", str(data), "--json"], env=environment, capture_output=True)
    report = json.loads(as_json.stdout.decode("ascii"))
    assert report["classes"] == ["Straße", "道路"]
    assert str(bad) in [problem["file"] for problem in report["problems"]]


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_names_are_told_in_the_c_locale(data: Path, utf8: str) -> None:
    """Without Python's own remedies names are bytes there, and file names beyond ASCII are no text."""
    bad = data / "images/é.png"
    bad.write_bytes(b"no image")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    environment |= {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": utf8}
    done = subprocess.run([*COMMAND, "check", str(data)], env=environment, capture_output=True)
    assert done.returncode == 1
    assert done.stderr == b""
    assert ("é.png" if utf8 == "1" else r"\xe9.png").encode() in done.stdout
    as_json = subprocess.run([*COMMAND, "check", str(data), "--json"], env=environment, capture_output=True)
    files = [problem["file"] for problem in json.loads(as_json.stdout)["problems"]]
    assert os.fsencode(bad) in [file.encode("utf-8", "surrogateescape") for file in files]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("command", [["models"], ["encoders"], ["models", "--front"], ["--help"], ["train", "--help"]])
def test_lists_and_help_can_be_printed_in_any_encoding(encoding: str, command: list[str]) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, *command], env=environment, capture_output=True)
    assert done.returncode == 0
    assert len(done.stdout.decode(encoding)) > 100
    assert done.stderr == b""


def test_a_path_longer_than_any_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "a/" * 2048 + "a") == 2
    assert (
        capsys.readouterr().err == "error: DATA: found a path of 4097 bytes; expected 4095 at most. Check the path.\n"
    )
