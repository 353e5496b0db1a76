"""Silent imports: packages that report to their makers are imported here, and nowhere else, with reporting off."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SWITCHES = {"ORT_DISABLE_TELEMETRY": "1"}
"""Environment variables that onnxruntime reads once, when it is imported: without, it writes a device id and a database
of events to the user's cache, and sends them to Microsoft."""
REPORTERS = ("openvino_telemetry",)
"""Packages that only report. OpenVINO reports its import to Google Analytics through this one, and works without it."""
_LOCK = threading.Lock()


def import_silently(name: str) -> Any:
    """Import a module by its full name and return it; the process is left as it was, environment and modules.

    The environment variables of `SWITCHES` are set while the import runs, since onnxruntime reads them then, and put
    back after it.

    If the host imported the package before, its choice stands. Raises `ImportError` as `import` does.
    """
    with _LOCK, _switched_off():
        return importlib.import_module(name)


@contextmanager
def _switched_off() -> Iterator[None]:
    environment = {name: os.environ.get(name) for name in SWITCHES}
    modules = {name: sys.modules.get(name) for name in REPORTERS}
    os.environ.update(SWITCHES)
    sys.modules.update(dict.fromkeys(REPORTERS))  # type: ignore[arg-type]  # None: an import raises ImportError
    try:
        yield
    finally:
        for name, value in environment.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        for name, module in modules.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
