"""The public face: what the functions do on data, and what type checkers see of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pixelwise as pw


def test_a_function_is_not_hidden_by_a_package_of_its_name() -> None:
    """`import pixelwise.x` binds `x` in the package, over what `__getattr__` would have given."""
    root = Path(pw.__file__).parent
    modules = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert not modules & set(pw.__all__)


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda: pw.train, "pixelwise.train"),
        (lambda: pw.export("run", "model.onnx"), "export"),
        (lambda: pw.models.build("fpn", num_classes=2), "models.build"),
    ],
)
def test_what_needs_the_extra_train_says_how_to_install_it(
    call: Callable[[], object], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(pw.MissingDependencyError) as raised:
        call()
    assert str(raised.value) == (
        f"{where}: found no package torch, timm, accelerate, onnxscript; expected the extra `train`. "
        "Run pip install 'pixelwise[train]'."
    )
