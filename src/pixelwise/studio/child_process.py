"""What the processes that the studio starts have in common.

Each takes one JSON object as its argument, writes one JSON object a line for its parent, and ends with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from pixelwise.core.errors import PixelwiseError

NICE = 10
"""The nice value: a lower priority than that of the server, which answers requests meanwhile."""


def begin() -> dict[str, Any]:
    """Return the arguments. From then on the process has a low priority, and gets SIGINT when its standard input ends:
    the parent has ended, or asks for it."""
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(NICE)

    def wait() -> None:
        sys.stdin.read()
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()
    return arguments


def tell(data: dict[str, Any]) -> None:
    """Write a line for the parent."""
    print(json.dumps(data), flush=True)


@contextlib.contextmanager
def told_mistakes() -> Iterator[None]:
    """Tell the parent of a `PixelwiseError`, and end with exit code 2."""
    try:
        yield
    except PixelwiseError as error:
        tell({"error": str(error), **error_parts(error)})
        sys.exit(2)


def error_parts(error: PixelwiseError) -> dict[str, str]:
    """Return the parts of an error by name, as pages and parents get them."""
    return {"where": error.where, "found": error.found, "expected": error.expected, "remedy": error.remedy}
