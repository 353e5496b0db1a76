"""The house rules that no single room can keep: imports run downward, torch stays where it belongs, one public face."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import pixelwise

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "timm", "accelerate", "onnx", "onnxruntime", "scipy", "pydantic", "PIL", "numpy"}
TRAINING = {"torch", "torchvision", "timm", "accelerate", "onnx", "onnxscript", "tensorboard"}


def modules_after(script: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after `script`."""
    # The command line leaves through sys.exit; what it printed comes before the last line.
    ending = "print(); print(*{name.partition('.')[0] for name in sys.modules})"
    code = f"import sys\ntry:\n    {script}\nexcept SystemExit:\n    pass\n{ending}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


def test_imports_run_downward_and_prediction_is_free_of_torch() -> None:
    """The contracts stand in pyproject.toml."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert modules_after("import pixelwise").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["predict", "--help"], ["models"], ["encoders"]]
)
def test_the_command_line_loads_no_more_than_a_command_needs(arguments: list[str]) -> None:
    script = f"import pixelwise.cli.app as app; sys.argv = ['pixelwise', *{arguments}]; app.main()"
    modules = modules_after(script)
    assert "typer" in modules
    assert modules.isdisjoint({*TRAINING, "onnxruntime", "scipy"})


@pytest.mark.parametrize("name", ["load", "open_dataset", "ClassMap", "models", "PixelwiseError"])
def test_all_that_prediction_needs_comes_without_torch(name: str) -> None:
    assert modules_after(f"import pixelwise; pixelwise.{name}").isdisjoint(TRAINING)


def test_the_public_face_is_all_there() -> None:
    assert dir(pixelwise) == sorted(pixelwise.__all__)
    for name in pixelwise.__all__:
        assert getattr(pixelwise, name) is not None
    with pytest.raises(AttributeError, match="module 'pixelwise' has no attribute 'trian'"):
        _ = pixelwise.trian


def test_the_public_face_says_the_same_to_type_checkers() -> None:
    """The imports under TYPE_CHECKING name what __all__ names, from the modules that the lazy imports come from."""
    tree = ast.parse(Path(pixelwise.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    told = {alias.asname: node.module for node in guarded.body for alias in node.names}
    homes = dict(pixelwise._HOMES) | {"models": "pixelwise.nn"}
    assert told == homes
    assert {*told, "__version__"} == set(pixelwise.__all__)


def test_the_version_is_that_of_the_project() -> None:
    assert importlib.metadata.version("pixelwise") == pixelwise.__version__
