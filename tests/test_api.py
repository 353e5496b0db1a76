"""The public face: what the functions do on data, and what type checkers see of them."""

from __future__ import annotations

from pathlib import Path

import pixelwise as pw


def test_a_function_is_not_hidden_by_a_package_of_its_name() -> None:
    """`import pixelwise.x` binds `x` in the package, over what `__getattr__` would have given."""
    root = Path(pw.__file__).parent
    modules = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert not modules & set(pw.__all__)
