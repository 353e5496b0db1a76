"""Which images are meant, and where their predictions go. Most files here are empty: nothing is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pixelwise.core.errors import DataError, ImageError, OptionError
from pixelwise.inference.jobs import plan_jobs, require_files
from pixelwise.raster.image import read_image

TREE = ("a.jpg", "b.PNG", "notes.txt", "left/a.jpg", "left/deep/c.tiff", ".hidden.jpg", ".cache/d.jpg")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def outputs(inputs: list[str | Path], out: Path, *kinds: str) -> dict[str, list[str]]:
    """Image name -> outputs relative to `out`, in order."""
    jobs = plan_jobs([str(text) for text in inputs], out, kinds or ("mask",))
    return {job.image.name: [path.relative_to(out).as_posix() for path in job.outputs.values()] for job in jobs}


def test_a_file_is_predicted_into_out(photos: Path, tmp_path: Path) -> None:
    (job,) = plan_jobs([str(photos / "left/a.jpg")], tmp_path / "out", ("mask", "overlay"))
    assert job.image == photos / "left/a.jpg"
    assert job.outputs == {"mask": tmp_path / "out/a.png", "overlay": tmp_path / "out/a_overlay.png"}


def test_a_folder_keeps_its_sub_folders_and_hidden_files_stay_out(photos: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([str(photos)], tmp_path / "out", ("mask",))
    names = [job.outputs["mask"].relative_to(tmp_path / "out").as_posix() for job in jobs]
    assert names == ["a.png", "b.png", "left/a.png", "left/deep/c.png"]


def test_patterns_are_expanded_here_where_the_shell_did_not(photos: Path, tmp_path: Path) -> None:
    assert outputs([photos / "*.jpg"], tmp_path / "out") == {"a.jpg": ["a.png"]}
    assert outputs([photos / "left/**/*.tif*"], tmp_path / "out") == {"c.tiff": ["c.png"]}


def test_a_name_with_brackets_is_a_name_where_there_is_such_a_file(photos: Path, tmp_path: Path) -> None:
    (photos / "x[1].jpg").touch()
    assert outputs([photos / "x[1].jpg"], tmp_path / "out") == {"x[1].jpg": ["x[1].png"]}


def test_an_image_named_twice_is_predicted_once(photos: Path, tmp_path: Path) -> None:
    assert len(plan_jobs([str(photos / "a.jpg"), str(photos / "*.jpg")], tmp_path / "out", ("mask",))) == 1


def test_a_zarr_is_one_scan_whatever_lies_in_it(photos: Path, tmp_path: Path) -> None:
    array = photos / "left/slide.zarr"
    (array / "0").mkdir(parents=True)
    (array / ".zgroup").touch()
    (array / "0" / "thumbnail.png").touch()
    assert outputs([photos], tmp_path / "out")["slide.zarr"] == ["left/slide.tif"]
    for text in (array, photos / "left/*.zarr"):
        (job,) = plan_jobs([str(text)], tmp_path / "out", ("mask",))
        assert job.scan
        assert job.outputs == {"mask": tmp_path / "out/slide.tif"}


def test_predictions_inside_the_folder_are_not_predicted(photos: Path) -> None:
    out = photos / "left/predicted"
    out.mkdir()
    (out / "a.png").touch()
    assert len(plan_jobs([str(photos)], out, ("mask",))) == 4


@pytest.mark.parametrize("inputs", [["left/a.jpg", "a.jpg"], ["**/a.jpg"]])
def test_equal_names_do_not_overwrite_one_another(photos: Path, tmp_path: Path, inputs: list[str]) -> None:
    with pytest.raises(OptionError, match=r"found .*a\.png for .*a\.jpg and for .*a\.jpg; expected"):
        plan_jobs([str(photos / text) for text in inputs], tmp_path / "out", ("mask",))


def test_equal_stems_do_not_overwrite_one_another(photos: Path, tmp_path: Path) -> None:
    (photos / "a.bmp").touch()
    with pytest.raises(OptionError, match=r"a\.png for .*a\.bmp and for .*a\.jpg"):
        plan_jobs([str(photos)], tmp_path / "out", ("mask",))


def test_an_overlay_does_not_overwrite_the_mask_of_a_like_name(photos: Path, tmp_path: Path) -> None:
    (photos / "a_overlay.jpg").touch()
    with pytest.raises(OptionError, match=r"a_overlay\.png for .*a\.jpg and for .*a_overlay\.jpg"):
        plan_jobs([str(photos)], tmp_path / "out", ("mask", "overlay"))


def test_no_image_is_overwritten(photos: Path) -> None:
    (photos / "b.PNG").rename(photos / "b.png")
    with pytest.raises(OptionError, match=r"out: found .*b\.png, an image to predict"):
        plan_jobs([str(photos)], photos, ("mask",))


def test_predictions_may_lie_beside_the_images(photos: Path) -> None:
    assert outputs([photos / "a.jpg"], photos) == {"a.jpg": ["a.png"]}


@pytest.mark.parametrize("name", ["none.jpg", "none/*.jpg", "*.gif"])
def test_an_input_that_matches_nothing_is_refused(photos: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="found no such file; expected an image, a folder of images"):
        plan_jobs([str(photos / "a.jpg"), str(photos / name)], tmp_path / "out", ("mask",))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"found a folder without images; expected files that end in \.bmp, \.gif"):
        plan_jobs([str(tmp_path)], tmp_path / "out", ("mask",))


def save_pages(path: Path, count: int, **place: object) -> Path:
    first, *others = (Image.fromarray(np.full((3 + i, 4), i, np.uint8)) for i in range(count))
    first.save(path, save_all=True, append_images=others)
    return path


def test_each_page_of_a_stack_is_an_image(photos: Path, tmp_path: Path) -> None:
    stack = save_pages(photos / "left/s.tif", 11)
    jobs = plan_jobs([str(stack)], tmp_path / "out", ("mask",))
    assert [job.image for job in jobs] == [stack / str(page) for page in range(11)]
    assert [job.outputs["mask"].name for job in jobs] == [f"s_{page:02d}.png" for page in range(11)]
    assert len(plan_jobs([str(photos)], tmp_path / "out", ("mask",))) == 4 + 11
    (job,) = plan_jobs([str(stack / "7")], tmp_path / "out", ("mask",))
    assert (job.image, job.outputs) == (stack / "7", {"mask": tmp_path / "out/s_07.png"})
    with pytest.raises(DataError, match=r"s\.tif/11: found no such page; expected a page of the file, counted from 0"):
        plan_jobs([str(stack / "11")], tmp_path / "out", ("mask",))


def test_pages_that_are_bands_make_one_image(photos: Path, tmp_path: Path) -> None:
    stack = save_pages(photos / "s.tif", 3)
    (job,) = plan_jobs([str(stack)], tmp_path / "out", ("mask",), paged=False)
    assert (job.image, job.outputs["mask"].name) == (stack, "s.png")


def test_overviews_and_masks_are_no_pages(tmp_path: Path) -> None:
    form = {"driver": "GTiff", "count": 1, "height": 90, "width": 80, "dtype": "uint8"}
    place = {"crs": "EPSG:25832", "transform": from_origin(0, 90, 1, 1)}
    with rasterio.open(tmp_path / "a.tif", "w", **form, **place) as file, rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        file.write(np.zeros((1, 90, 80), np.uint8))
        file.write_mask(np.eye(90, 80, dtype=bool))
        file.build_overviews([2, 4])
    (job,) = plan_jobs([str(tmp_path / "a.tif")], tmp_path / "out", ("mask",))
    assert job.image == tmp_path / "a.tif"


def test_images_behind_links_are_found_once_and_loops_end(photos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "e.jpg").touch()
    (photos / "linked").symlink_to(elsewhere, target_is_directory=True)
    (photos / "again").symlink_to(elsewhere, target_is_directory=True)
    (photos / "left/up").symlink_to(photos, target_is_directory=True)
    names = [job.image.relative_to(photos).as_posix() for job in plan_jobs([str(photos)], tmp_path / "out", ("mask",))]
    assert names == ["a.jpg", "again/e.jpg", "b.PNG", "left/a.jpg", "left/deep/c.tiff"]


def test_what_has_a_place_becomes_geotiffs(photos: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(photos / "w.png")
    (photos / "w.pgw").write_text("1\n0\n0\n-1\n0\n0\n")
    (job,) = plan_jobs([str(photos / "w.png")], tmp_path / "out", ("mask", "overlay", "objects", "instances"))
    assert job.placed
    names = [path.name for path in job.outputs.values()]
    assert names == ["w.tif", "w_overlay.tif", "w_objects.csv", "w_instances.tif"]


def test_the_only_page_may_be_named(tmp_path: Path) -> None:
    path = save_pages(tmp_path / "a.tif", 1)
    (job,) = plan_jobs([str(path / "0")], tmp_path / "out", ("mask",))
    assert (job.image, job.outputs["mask"].name) == (path, "a.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_stack_that_breaks_off_has_a_page_that_will_fail(tmp_path: Path) -> None:
    path = save_pages(tmp_path / "a.tif", 4)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    pages = [job.image.name for job in plan_jobs([str(path)], tmp_path / "out", ("mask",))]
    assert pages == ["0", "1", "2"]  # two that are whole, and the one in which the file ends
    with pytest.raises(ImageError):
        read_image(path / pages[-1])


def test_each_frame_of_an_animation_is_an_image(tmp_path: Path) -> None:
    first, *others = (Image.fromarray(np.full((3, 4), value, np.uint8)) for value in (0, 100, 200))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    names = {str(i): [f"a_{i}.png"] for i in range(3)}
    assert outputs([tmp_path / "a.gif"], tmp_path / "out") == names
    assert outputs([tmp_path / "a.gif/2"], tmp_path / "out") == {"2": ["a_2.png"]}
    with pytest.raises(DataError, match="no such page"):
        plan_jobs([str(tmp_path / "a.gif/3")], tmp_path / "out", ("mask",))
    first.save(tmp_path / "b.gif")
    assert outputs([tmp_path / "b.gif"], tmp_path / "out") == {"b.gif": ["b.png"]}
    with pytest.raises(DataError, match="no such page"):
        plan_jobs([str(tmp_path / "b.gif/1")], tmp_path / "out", ("mask",))


def test_pages_and_frames_are_nothing_that_labelme_opens(tmp_path: Path) -> None:
    first, second = (Image.fromarray(np.full((3, 4), value, np.uint8)) for value in (0, 200))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    first.save(tmp_path / "b.png")
    save_pages(tmp_path / "c.tif", 1)
    for name in ("a.gif", "b.png", "c.tif"):
        jobs = plan_jobs([str(tmp_path / name)], tmp_path / "out", ("mask", "labelme"))
        if name == "a.gif":
            with pytest.raises(OptionError, match=r"as_='labelme': found .*a\.gif/0, a page or frame of a file"):
                require_files(jobs)
        else:
            require_files(jobs)
    require_files(plan_jobs([str(tmp_path / "a.gif")], tmp_path / "out", ("mask", "gpkg")))
