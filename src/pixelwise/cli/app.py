"""The command line. One file a command; what a command needs is imported when it runs."""

from __future__ import annotations

import io
import sys

import typer

from pixelwise.cli import benchmark, check, convert, demo, evaluate, export, inspect, models, predict, train
from pixelwise.cli.stopping import Stopped, stops_raised
from pixelwise.errors import PixelwiseError

app = typer.Typer(
    name="pixelwise",
    help="Image segmentation on the machine you have: check, train, evaluate, predict, export.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("benchmark")(benchmark.benchmark)
app.command("inspect")(inspect.inspect)
app.command("models")(models.models)
app.command("encoders")(models.encoders)
app.command("convert")(convert.convert)


def main() -> None:
    """Run the command line. A user's mistake ends with its message on standard error and exit code 2, Ctrl-C and
    SIGTERM with how to go on, and 130 or 143.

    What the encoding of standard output or error cannot show is replaced.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with stops_raised():
            app()
    except PixelwiseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stop:
        print(stop.message(next(iter(sys.argv[1:]), "")), file=sys.stderr)
        sys.exit(stop.code)
