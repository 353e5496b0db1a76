"""Optional packages that some commands need."""

from __future__ import annotations

import importlib.util

from pixelwise.core.errors import MissingDependencyError


def require_train_extra() -> None:
    """Raise `MissingDependencyError` where pixelwise was installed without what training needs."""
    missing = [name for name in ("torch", "timm", "accelerate", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            "this command", f"no package {', '.join(missing)}", "the extra `train`", "pip install 'pixelwise[train]'"
        )
