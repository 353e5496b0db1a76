"""`pixelwise predict`: label images with a model file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.arguments import AsJson, DeviceName, EngineName, Model, Tta, check_path
from pixelwise.cli.flags import describe_error, use_flags
from pixelwise.cli.output import note, say
from pixelwise.core.errors import ImageError, OptionError
from pixelwise.core.text import quantity

if TYPE_CHECKING:
    from pixelwise.inference.jobs import Job


def predict(
    model: Model,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...", help="Image files, folders, or quoted patterns such as '*.jpg'.", callback=check_path
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="The directory to write into.", callback=check_path)],
    as_: Annotated[
        str,
        typer.Option(
            "--as",
            help="What to write for each image: mask, overlay, geojson, gpkg, probabilities, entropy, labelme; for "
            "models with objects also instances, instances32, objects, coco, panoptic.",
        ),
    ] = "mask",
    uncertainty: Annotated[
        int | None, typer.Option(help="Average this many passes with dropout on; also write their variance.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="With --uncertainty: seed of the dropout masks. [default: 0]")
    ] = None,
    tta: Tta = False,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="CLASS=P, such as car=0.3: predict the class exactly where its probability is at least P. "
            "May be repeated."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip finished images; continue a scan.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    engine: EngineName = "onnxruntime",
    device: DeviceName = None,
    as_json: AsJson = False,
) -> None:
    """Predict images of any size; by default each gives a palette PNG of class indices.

    Each page of a TIFF and each frame of an animation is an image; stack.tif/2 is the third. Images with a georeference
    give GeoTIFFs. An image that cannot be read is reported on standard error, the others are predicted, and the exit
    code is 1.
    """
    from pixelwise.cli.progress import megapixel_bar, progress_bar
    from pixelwise.inference.assumptions import remarks
    from pixelwise.inference.batch import predict_files
    from pixelwise.inference.jobs import plan_jobs, require_files, require_new, unfinished_jobs
    from pixelwise.inference.loading import load
    from pixelwise.inference.mc_dropout import MonteCarloDropout
    from pixelwise.inference.object_counts import write_object_counts
    from pixelwise.inference.scans import predict_scans
    from pixelwise.inference.thresholds import parse_thresholds
    from pixelwise.inference.writers.registry import parse_kinds

    if seed is not None and uncertainty is None:
        remedy = "Leave it out: without --uncertainty nothing is random."
        raise OptionError("--seed", str(seed), "--uncertainty beside it", remedy)
    if resume and overwrite:
        raise OptionError("--resume", "--overwrite", "one of the two", "Leave one of the two out.")
    sampling = None if uncertainty is None else MonteCarloDropout(uncertainty, seed or 0)
    kinds = parse_kinds(as_, sampled=sampling is not None)
    jobs = plan_jobs(images, out, kinds)
    predictor = load(model, engine, at_once=len(jobs), device=device)
    if predictor.info.bands is not None:  # the pages of a TIFF may be the bands of one image
        jobs = plan_jobs(images, out, kinds, paged=False)
    require_files(jobs)
    if not (resume or overwrite):
        require_new(jobs)
    unfinished = unfinished_jobs(jobs) if resume else jobs
    photos, scans = [job for job in unfinished if not job.scan], [job for job in unfinished if job.scan]
    for remark in remarks(predictor.info, unfinished):
        _print_note(remark)
    if tta:
        predictor = predictor.with_tta()
    if threshold:
        predictor = predictor.with_thresholds(parse_thresholds(threshold))
    with progress_bar("predict") as on_image:
        failures = predict_files(predictor, photos, on_image, sampling)
    with megapixel_bar("scan") as on_pixels:
        failures |= predict_scans(predictor, scans, on_pixels, resume=resume, on_remark=_print_note)
    counts = write_object_counts(out) if "objects" in kinds and len(failures) < len(jobs) else None
    for error in failures.values():
        note(f"error: {describe_error(error, 'predict')}")
    if as_json:
        print(json.dumps(_report(jobs, failures, counts)))
    else:
        say(_summary(len(unfinished), len(failures), out, len(jobs) - len(unfinished)))
        if counts is not None:
            say(f"objects of each image: {counts}")
    if failures:
        raise typer.Exit(1)


def _print_note(remark: str) -> None:
    note(f"note: {use_flags(remark)}")


def _report(jobs: list[Job], failures: dict[Path, ImageError], counts: Path | None) -> dict[str, Any]:
    return {
        **({} if counts is None else {"objects_per_image": str(counts)}),
        "predictions": [
            {"image": str(job.image), **{kind: str(path) for kind, path in job.outputs.items()}}
            for job in jobs
            if job.image not in failures
        ],
        "failures": [
            {"file": str(image), "message": describe_error(error, "predict")} for image, error in failures.items()
        ],
    }


def _summary(images: int, failed: int, out: Path, skipped: int) -> str:
    """Return a sentence on the images of this call, of which some failed, and those that were finished before it."""
    parts = [f"{quantity(images - failed, 'image')} predicted into {out}"]
    if skipped:
        parts.append(f"{skipped} there already")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)
