"""What came of an input: a result, a typed error, or a fault."""

from __future__ import annotations

import re
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pixelwise
from pixelwise.core.errors import PixelwiseError

OK, TYPED = "ok", "typed error"
TRACEBACK, HANG, MEMORY, CRASH = "TRACEBACK", "HANG", "MEMORY", "CRASH"
OUTPUT, REFUSED = "OUTPUT", "REFUSED"
PACKAGE = f"{Path(pixelwise.__file__).parent}/"
_FRAME = re.compile(rf'File "{re.escape(PACKAGE)}([^"]*\.py)", line (\d+) in (\S+)')


class FaultError(Exception):
    """What went wrong without an exception of pixelwise's: an outcome and a sentence."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Outcome:
    """step: what was done, as a command line. frame: where in pixelwise, as file:function; empty where that is not
    known. line: the same with the line's number."""

    outcome: str
    step: str = ""
    error: str = ""
    frame: str = ""
    line: str = ""
    message: str = ""
    trace: str = ""

    @property
    def is_fault(self) -> bool:
        return self.outcome not in (OK, TYPED)

    @property
    def key(self) -> tuple[str, str, str]:
        """What faults of one kind share."""
        return self.outcome, self.error, self.frame

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def classified(error: BaseException, step: str) -> Outcome:
    """Return the outcome of a step that raised."""
    typed = isinstance(error, PixelwiseError)
    if isinstance(error, FaultError):
        return Outcome(error.outcome, step, message=shortened(str(error)))
    if chain_has_memory_error(error):
        name = MEMORY
    else:
        name = TYPED if typed else TRACEBACK
    frame, line = innermost(error.__traceback__)
    trace = "" if name == TYPED else shortened("".join(traceback.format_exception(error)), 6000)
    return Outcome(name, step, type(error).__name__, frame, line, shortened(str(error)), trace)


def chain_has_memory_error(error: BaseException | None) -> bool:
    """Return whether memory ran out, whatever was made of it: without the limit it would have been taken."""
    while error is not None:
        if isinstance(error, MemoryError) or "bad allocation" in str(error) or "bad_alloc" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def innermost(trace: TracebackType | None) -> tuple[str, str]:
    """Return the last place in pixelwise of a traceback, as file:function and with its line."""
    frame, line = "", ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(PACKAGE):
            file = code.co_filename.removeprefix(PACKAGE)
            frame, line = f"{file}:{code.co_name}", f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return frame, line


def innermost_of_dump(dump: str) -> tuple[str, str]:
    """Return the same of what faulthandler wrote of all threads: of the first thread that is in pixelwise."""
    frame = _FRAME.search(dump)
    if frame is None:
        return "", ""
    return f"{frame[1]}:{frame[3]}", f"{frame[1]}:{frame[2]}"


def shortened(text: str, length: int = 400) -> str:
    """Return a text that JSON and a table can hold."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else f"{text[: length // 2]} ... {text[-length // 2 :]}"
