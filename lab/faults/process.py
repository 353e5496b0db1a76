"""Commands in processes that are forked from this one, in which the libraries are loaded and nothing has run yet."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 300.0
"""A command that takes longer hangs."""
PAUSE_SECONDS = 0.002
MODULES = (
    "pixelwise.cli.app", "pixelwise.data", "pixelwise.data.check", "pixelwise.inference.batch",
    "pixelwise.inference.scans", "pixelwise.inference.evaluate", "pixelwise.training", "pixelwise.training.finish",
    "pixelwise.training.report", "pixelwise.raster.geotiff", "rasterio", "rasterio.features", "onnxscript",
    "torch.onnx", "torch.export", "torch._dynamo", "torch.onnx._internal.exporter._core",
)  # fmt: skip
"""What is loaded before the first fork."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. code: its exit code, or minus the number of the signal that ended it; `None`: it hung."""

    code: int | None
    errors: str
    seconds: float


class Process:
    """A `pixelwise` command in `folder`, started. `prepare` is called in its process before it begins."""

    def __init__(self, arguments: Sequence[str], folder: Path, prepare: Callable[[], None] = lambda: None) -> None:
        self._log = Path(tempfile.mkstemp(prefix="faults-")[1])
        self._started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _run(arguments, folder, self._log, prepare)

    @property
    def has_ended(self) -> bool:
        """Whether it has; it can still be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> Ended:
        """Wait for the end; a process that hangs is killed."""
        hangs = False
        while not self.has_ended:
            time.sleep(PAUSE_SECONDS)
            if not hangs and time.monotonic() - self._started > PATIENCE_SECONDS:
                hangs = True
                os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        errors = self._log.read_text(encoding="utf-8", errors="replace")
        self._log.unlink()
        return Ended(None if hangs else code, errors, time.monotonic() - self._started)

    def signal(self, number: int) -> None:
        """Send a signal, to nobody where the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _run(arguments: Sequence[str], folder: Path, log: Path, prepare: Callable[[], None]) -> None:
    """Be the command; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        out = os.open(log, os.O_WRONLY | os.O_TRUNC)
        for number, source in enumerate((os.open(os.devnull, os.O_RDONLY), out, out)):
            os.dup2(source, number)
        os.chdir(folder)
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        sys.argv = ["pixelwise", *arguments]
        from pixelwise.cli.app import main

        prepare()
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
