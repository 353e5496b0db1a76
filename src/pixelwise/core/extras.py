"""Optional packages that parts of pixelwise need."""

from __future__ import annotations

import importlib.util

from pixelwise.core.errors import MissingDependencyError

TRAIN_PACKAGES = ("torch", "timm", "accelerate", "onnxscript")
STUDIO_PACKAGES = ("starlette", "uvicorn")


def require_train_extra(where: str) -> None:
    """Raise `MissingDependencyError` if packages that training needs are not installed."""
    missing = [name for name in TRAIN_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        packages = f"no package {', '.join(missing)}"
        raise MissingDependencyError(where, packages, "the extra `train`", "Run pip install 'pixelwise[train]'.")


def require_studio_extra(where: str) -> None:
    """Raise `MissingDependencyError` if packages that the studio needs are not installed."""
    missing = [name for name in STUDIO_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        packages, remedy = f"no package {', '.join(missing)}", "Run pip install 'pixelwise[studio,train]'."
        raise MissingDependencyError(where, packages, "the extra `studio`", remedy)
