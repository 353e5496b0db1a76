"""Nothing that pixelwise starts speaks to anybody."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise
from pixelwise.core.telemetry import REPORTERS, SWITCHES, import_silently

REPORTING = ("onnxruntime", "openvino")
GUARD = """
import socket
def refuse(*args, **kwargs):
    raise SystemExit(f"a connection or look-up: {args[1:]}")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
"""


def run_guarded(code: str, home: Path) -> str:
    """Run Python in a home of its own in which no socket connects, and return what it prints, errors too."""
    (home / "guard").mkdir(parents=True)
    (home / "guard/sitecustomize.py").write_text(GUARD)
    clean = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    path = os.pathsep.join([str(home / "guard"), str(Path(pixelwise.__file__).parents[1])])
    at_home = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": path}
    trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o", str(home / "calls")]
    command = [*(trace if can_trace() else []), sys.executable, "-c", code]
    done = subprocess.run(command, env=clean | at_home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def can_trace() -> bool:
    """Return whether strace is there and may look at other processes."""
    words = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, sys.executable, "-c", ""]
    return bool(shutil.which("strace")) and subprocess.run(words, capture_output=True, check=False).returncode == 0


def reports(home: Path) -> list[str]:
    """Return what a run has left in its home or called: databases, ids, and connections over a network."""
    files = [str(file) for folder in (".cache/Microsoft", "intel") for file in (home / folder).rglob("*")]
    calls = (home / "calls").read_text().splitlines() if (home / "calls").is_file() else []
    return files + [call for call in calls if "AF_INET" in call]


@pytest.mark.parametrize("name", REPORTING)
def test_a_package_that_reports_is_imported_in_silence(name: str, tmp_path: Path) -> None:
    """What the guard sees: onnxruntime writes its database when it is imported, OpenVINO looks its host up at once."""
    pytest.importorskip(name)
    code = f"""
import os, sys, time
from pixelwise.core.telemetry import import_silently
before = dict(os.environ)
assert import_silently("{name}").__name__ == "{name}"
assert dict(os.environ) == before
assert not any(module.startswith("openvino_telemetry") for module in sys.modules)
time.sleep(1)
"""
    assert "a connection" not in run_guarded(code, tmp_path)
    assert reports(tmp_path) == []


def test_training_and_prediction_connect_to_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (tmp_path / "data" / split / folder).mkdir(parents=True)
        for index in range(2):
            image, mask = rng.integers(0, 256, (32, 32, 3), np.uint8), rng.integers(0, 2, (32, 32), np.uint8)
            Image.fromarray(image).save(tmp_path / f"data/{split}/images/{index}.png")
            Image.fromarray(mask).save(tmp_path / f"data/{split}/masks/{index}.png")
    options = f"'--out', '{tmp_path}/run', '--epochs', '1', '--model', 'fpn', '--encoder', 'test_resnet'"
    code = f"""
from pixelwise.cli.app import app
for words in (
    ["train", "{tmp_path}/data", {options}, "--no-pretrained"],
    ["predict", "{tmp_path}/run", "{tmp_path}/data/val/images/0.png", "--out", "{tmp_path}/out"],
    ["check", "{tmp_path}/data"],
):
    app(words, standalone_mode=False)
"""
    assert "a connection" not in run_guarded(code, tmp_path / "home")
    assert (tmp_path / "out/0.png").is_file()
    assert reports(tmp_path / "home") == []


def test_modules_and_environment_of_the_host_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setitem(sys.modules, REPORTERS[0], sys)
    assert import_silently("json").__name__ == "json"
    with pytest.raises(ModuleNotFoundError):
        import_silently("no_such_package_at_all")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert sys.modules[REPORTERS[0]] is sys


def test_no_other_module_imports_what_reports() -> None:
    """But for types, which nothing runs."""
    importing = [
        f"{file.name}:{node.lineno}"
        for file in Path(pixelwise.__file__).parent.rglob("*.py")
        for node in imports(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert importing == []


def imports(node: ast.AST) -> list[ast.stmt]:
    """Return the imports of what reports in a tree, outside of `if TYPE_CHECKING`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return []
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    if any(name.split(".")[0] in (*REPORTING, *REPORTERS) for name in names):
        return [node]  # type: ignore[list-item]
    return [line for child in ast.iter_child_nodes(node) for line in imports(child)]
