"""The exports of a project: the model, its report, pictures, and the labels in the layouts of other programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from pixelwise.api import convert
from pixelwise.core.errors import OptionError
from pixelwise.core.files import output_errors, write_atomically
from pixelwise.core.temporary_files import temporary_path
from pixelwise.core.text import join_first, quantity, short_repr
from pixelwise.data import open_dataset, written_layouts
from pixelwise.labels.project_files import links_root
from pixelwise.raster.image import write_png
from pixelwise.raster.limits import require_moderate
from pixelwise.render import object_overlay, overlay
from pixelwise.studio.object_labels import is_partly_labelled
from pixelwise.studio.requests import read_json
from pixelwise.studio.state import Studio
from pixelwise.studio.training_data import freeze_data

SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)
"""A report is isolated: it cannot access the studio."""
LIVE_PROGRAM = [sys.executable, "-m", "pixelwise.studio.live_export_process"]
"""The program that writes the live model; its argument is JSON, and so is its answer."""


async def export(request: Request) -> Response:
    """`POST /api/export {kind}`: write an export, and answer its address."""
    content = await read_json(request)
    path, remarks = await run_in_threadpool(write_export, request.app.state.studio, content.get("kind"))
    answer = {"path": str(path.resolve()), "url": f"/api/files/{quote(download_name(path))}", "remarks": remarks}
    return JSONResponse(answer)


def file(request: Request) -> Response:
    """`GET /api/files/NAME`: one of the files in the project's exports/."""
    folder, name = request.app.state.studio.project.folder.exports, request.path_params["name"]
    names = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    if name not in names or name.startswith("."):
        raise HTTPException(404, "no such file")
    if name.endswith(".html"):
        return FileResponse(folder / name, headers={"Content-Security-Policy": SANDBOX})
    return FileResponse(folder / name, filename=name)


def download_name(path: Path) -> str:
    """Return the name in exports/ of the download of an export; for a directory, that of the archive beside it."""
    return f"{path.name}.zip" if path.is_dir() else path.name


def write_export(studio: Studio, kind: Any) -> tuple[Path, list[str]]:
    """Write an export in place of an earlier one, and return its path and sentences to tell with it. Raises
    `OptionError` for an unknown kind."""
    known = ["model", "live", "report", "overlays", *written_layouts()]
    if not isinstance(kind, str) or kind not in known:
        raise OptionError("kind", short_repr(kind), f"one of {', '.join(known)}", "Choose one of them.")
    folder = studio.project.folder.exports
    if kind in ("model", "report"):
        return _copy_of_run(studio, {"model": "model.onnx", "report": "report.html"}[kind]), []
    if kind == "live":
        return _write_live_model(studio)
    remarks: list[str] = []
    with output_errors(folder), temporary_path(folder / kind) as temporary:
        if kind == "overlays":
            temporary.mkdir()
            _write_overlays(studio, temporary)
        else:
            remarks = _write_labels(studio, kind, temporary)
        archive = folder / f"{kind}.zip"
        with write_atomically(archive) as packed:
            made = shutil.make_archive(str(packed.with_suffix("")), "zip", temporary)
            Path(made).replace(packed)
        shutil.rmtree(folder / kind, ignore_errors=True)
        temporary.replace(folder / kind)
    return folder / kind, remarks


def _write_live_model(studio: Studio) -> tuple[Path, list[str]]:
    """Write the live model of the labels as they are now, in a process of its own: drawing goes on meanwhile."""
    project = studio.project
    project.flush()
    out, images_root = project.folder.exports / "live.onnx", links_root(project.folder)
    arguments = {
        "data": str(project.folder.root),
        "out": str(out),
        "bands": project.bands,
        "images_root": None if images_root is None else str(images_root),
    }
    with subprocess.Popen(
        [*LIVE_PROGRAM, json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        lines = [line for line in process.stdout or () if line.startswith("{")]
    answer = json.loads(lines[-1]) if lines else {}
    if process.returncode or "remarks" not in answer:
        parts = [str(answer.get(name, "")) for name in ("where", "found", "expected", "remedy")]
        unknown = ["kind", f"an export that ended with code {process.returncode}", "a file", "Try again."]
        raise OptionError(*(parts if answer else unknown))
    return out, answer["remarks"]


def _copy_of_run(studio: Studio, name: str) -> Path:
    """Copy a file of the run that is exported."""
    run = studio.run_to_export()
    if run is None:
        raise OptionError("kind", "no trained model", "a finished training", "Train first.")
    target = studio.project.folder.exports / name
    with write_atomically(target) as temporary:
        shutil.copyfile(studio.training.path_of(run) / name, temporary)
    return target


def _write_labels(studio: Studio, layout: str, out: Path) -> list[str]:
    """Write the images that have labels in another layout, and return what is to be said of it.

    If images have objects, the labels are those of a training for objects (see `freeze_data`), and images with strokes
    alone are left out: no other layout tells a stroke from an object.
    """
    project = studio.project
    labelled = {image.name for image in project.images if project.counts(image.name)}
    if not labelled:
        raise OptionError("kind", "no labels", "an image with labels", "Label an image first.")
    with_objects = {image.name for image in project.images if project.object_count(image.name)}
    if not with_objects:
        project.flush()
        return _convert(project.folder.root, links_root(project.folder), labelled, layout, out)
    sketched = {
        image.name
        for image in project.images
        if image.name in labelled - with_objects and is_partly_labelled(project.counts(image.name), image.size)
    }
    with temporary_path(project.folder.studio / "labels") as temporary:
        data = freeze_data(project, temporary, "instance")
        remarks = _convert(data.path, data.images_root, labelled - sketched, layout, out)
    if sketched:
        images = quantity(len(sketched), "image")
        remarks.append(
            f"{images} with labels on some pixels and no object left out: {join_first(sorted(sketched), 3)}."
        )
    if loose := sum(data.loose.pixels.values()):
        remarks.append(f"{quantity(loose, 'labelled pixel')} that belong to no object left out.")
    return remarks


def _convert(root: Path, images_root: Path | None, names: set[str], layout: str, out: Path) -> list[str]:
    """Write the images of these names in another layout, and return what it does not hold. Images that are not marked
    as test are one split."""
    dataset = open_dataset(root, "folders", images_root=images_root)
    dataset = dataset.without({item.image for _, item in dataset.items() if item.image.name not in names})
    splits = {"train": (*dataset.splits.get("train", ()), *dataset.splits.get("val", ()))}
    if tests := dataset.splits.get("test"):
        splits["test"] = tests
    conversion = convert(replace(dataset, splits=splits), layout, out)
    return [f"{remark}." for remark in conversion.remarks]


def _write_overlays(studio: Studio, out: Path) -> None:
    """Write each labelled image with its objects or, where it has none, its labels drawn on it. While a trained model
    is shown, also write the other images with its predictions."""
    project, run = studio.project, studio.live.shown_run
    for number, image in enumerate(project.images):
        whole = (0, 0, *image.size)
        if not project.counts(image.name) and run is None:
            continue
        require_moderate(image.path, image.size[0] * image.size[1])
        if project.object_count(image.name):
            instance_map = project.labels(image.name).instance_map.read(whole)
            picture = object_overlay(studio.pictures.read(number, whole), instance_map, numbered=True)
        elif run is None or project.counts(image.name):
            label_map = project.labels(image.name).label_map.read(whole)
            picture = overlay(studio.pictures.read(number, whole), label_map, project.classes)
        else:
            picture = run.draw(number, image.size, project.classes)
        write_png(out / f"{image.stem}.png", picture)
    if not any(out.iterdir()):
        raise OptionError("kind", "no labels", "an image with labels, or a trained model", "Label an image first.")
