"""The command line: `main` runs a command and turns errors into messages and exit codes.

Each command has a file of its own in this room, which imports what the command needs only when it runs.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import warnings
from typing import Annotated, TextIO

import typer

from pixelwise import __version__
from pixelwise.cli.commands import CommandGroup
from pixelwise.cli.output import note
from pixelwise.cli.stopping import Stopped, raise_on_stop
from pixelwise.core.errors import ExtensionWarning, OptionError, PixelwiseError

app = typer.Typer(
    name="pixelwise",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DEBUG = "--debug"
GDAL_CACHE_MIB = "256"
"""Size of GDAL's cache of decoded pixels, unless the user sets another: enough for a row of tiles of a scan that is
stored in strips. GDAL's own default is a twentieth of the machine's memory. It reads the setting once in a process."""


def _print_version(*, asked: bool) -> None:
    if asked:
        print(f"pixelwise {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show tracebacks and warnings of libraries. Before or after the command.")
    ] = False,
) -> None:
    """Image segmentation on the machine you have: check, train, evaluate, predict, export."""


def main() -> None:
    """Run the command line.

    Exit codes: 2 for a user's mistake, 70 for a fault of pixelwise itself, 130 for Ctrl-C, 143 for SIGTERM. Each comes
    with a message on standard error that says what to do. `--debug`, before or after the command, shows the traceback.
    Characters that the encoding of standard output or error does not have are written as escapes.
    """
    os.environ.setdefault("GDAL_CACHEMAX", GDAL_CACHE_MIB)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    options_end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = DEBUG in arguments[:options_end]
    if debug:
        arguments = [text for place, text in enumerate(arguments) if text != DEBUG or place > options_end]
    else:
        warnings.showwarning = _show_warning
    try:
        _run(arguments, debug=debug)
    finally:
        _flush(sys.stdout)
        _flush(sys.stderr)


def _show_warning(message: Warning | str, category: type[Warning], *args: object, **kwargs: object) -> None:
    """Print a warning of pixelwise itself. Warnings of libraries are shown only with `--debug`."""
    if issubclass(category, ExtensionWarning):
        note(f"warning: {message}")


def _run(arguments: list[str], *, debug: bool) -> None:
    """Run a command; it always ends in `SystemExit`."""
    try:
        if any("\0" in text for text in arguments):
            raise OptionError("the command line", "a NUL character", "text without one", "Leave it out.")
        with raise_on_stop():
            app(args=arguments, prog_name="pixelwise")
    except PixelwiseError as error:
        from pixelwise.cli.flags import describe_error  # imported only where it is needed

        _exit_with_error(error, describe_error(error, next(iter(arguments), "")), 2, debug=debug)
    except Stopped as stop:
        note(stop.message(next(iter(arguments), "")))
        sys.exit(stop.code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            sys.exit(1)
        from pixelwise.cli.fault import explain_error  # imported only where it is needed

        _exit_with_error(error, *explain_error(error), debug=debug)


def _exit_with_error(error: Exception, message: str, code: int, *, debug: bool) -> None:
    """Print the message of an error, after its traceback where `debug` is set, and exit."""
    if debug:
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            note(line)
    note(f"error: {message}")
    sys.exit(code)


def _flush(stream: TextIO | None) -> None:
    """Write out what a stream has buffered. Exit with 1 where its reader has gone (`| head`), and with 2 and a message
    where it cannot be written."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError as error:
        # Python flushes again on exit, which would fail again.
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as devnull:
            os.dup2(devnull.fileno(), stream.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(1)
        note(f"error: standard output: found {error.strerror}; expected a place that can be written. Choose another.")
        sys.exit(2)
