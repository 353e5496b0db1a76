"""`pixelwise studio`: label in the browser with a model that learns while you draw."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.arguments import check_path
from pixelwise.cli.output import note, say
from pixelwise.core.errors import OptionError
from pixelwise.core.extras import require_studio_extra, require_train_extra
from pixelwise.core.text import quantity

SAMPLE = Path("pixelwise-sample")
ADDRESS = "Address"
"""The heading, in the help, of options on the address of the page."""


def studio(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder of images, labelled data set or project.", callback=check_path),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory of the project. [default: FOLDER-labels beside FOLDER]", callback=check_path),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names for a new project, such as sky,tree,road; a class called border separates touching objects. "
            "[default: background,object]"
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Run or .onnx file with the same classes, to show its predictions.", callback=check_path),
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help=f"Try it on drawn pictures of fruit, in {SAMPLE}/.")] = False,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at, such as 0.0.0.0 for other machines too; the printed token lets them in.",
            rich_help_panel=ADDRESS,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen at. [default: 8765, or the next free one]", min=0, max=65535, rich_help_panel=ADDRESS
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.", rich_help_panel=ADDRESS)
    ] = True,
) -> None:
    """Label the images of FOLDER in the browser, with a model that learns while you draw.

    The project is a data set: `pixelwise train` takes it at any moment. Images stay where they are. A labelled data set
    is opened for correction. Everything is saved at once; Ctrl-C ends the studio.
    """
    require_studio_extra("this command")
    require_train_extra("this command")
    from pixelwise.labels.project import open_project
    from pixelwise.studio.memory import return_freed_memory
    from pixelwise.studio.server import serve
    from pixelwise.studio.state import Studio

    return_freed_memory()
    if sample == (folder is not None):
        found = "a folder and `sample`" if sample else "no folder"
        raise OptionError("folder", found, "a folder of images, or `sample=True` to try it", "Give one of them.")
    if folder is None:
        from pixelwise.labels.sample import open_sample  # imports what draws the pictures

        project = open_sample(SAMPLE if out is None else out)
    else:
        names = None if classes is None else [name.strip() for name in classes.split(",")]
        project = open_project(folder, out, names)
    for problem in project.problems:
        note(problem)
    opened = Studio(project)

    def announce(address: str) -> None:
        say(f"{project.folder.root}: {quantity(len(project.images), 'image')}")
        say(f"Open {address}   (Ctrl-C ends the studio)")
        sys.stdout.flush()  # a pipe is not flushed at the end of a line
        if browser:
            open_browser(address)

    try:
        if model is not None:
            opened.offer_model(model)
        serve(opened, host, port, announce)
    finally:
        opened.close()


def open_browser(address: str) -> None:
    """Show an address in the user's browser, if there is one, without waiting for it."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
