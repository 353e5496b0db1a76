"""The metadata of a model file: what is written is read, what is damaged is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pixelwise.core.bands import Bands
from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import ModelFileError
from pixelwise.core.value_range import ValueRange
from pixelwise.instances.grouping_parameters import BOTH, CENTRES, COMPONENTS, WAISTS, GroupingParameters
from pixelwise.modelfile.info import FORMAT_VERSION, ModelInfo

GROUPING = {"things": [1], "radius": 3, "least_heat": 0.1, "least_area": 4}
PATH = Path("some/model.onnx")
INFO = ModelInfo(
    model="fpn",
    encoder="efficientnet_lite0",
    task="semantic",
    classes=ClassMap(("Straße", "sky"), ((128, 64, 128), (0, 0, 255))),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    stride=32,
    tile=512,
    overlap=64,
)


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(INFO.to_json()) | fields)


def test_what_is_written_is_read() -> None:
    assert ModelInfo.from_json(INFO.to_json(), PATH) == INFO


def test_width_and_options_are_read_and_may_be_missing() -> None:
    info = replace(INFO, width=0.5, options={"output_stride": 8, "at_once": True, "rate": 0.5, "kind": "a"})
    assert ModelInfo.from_json(info.to_json(), PATH) == info
    content = json.loads(INFO.to_json())
    del content["width"], content["options"]
    assert ModelInfo.from_json(json.dumps(content), PATH) == INFO


def test_the_grouping_of_an_instance_model_is_read() -> None:
    info = replace(INFO, task="instance", grouping=GroupingParameters((1,), radius=5, least_heat=0.25, least_area=9))
    assert ModelInfo.from_json(info.to_json(), PATH) == info
    assert (info.channels, INFO.channels, replace(INFO, extra_channels=1).channels) == (5, 2, 3)


def test_a_value_range_is_read_and_one_that_is_missing_means_all_of_16_bits() -> None:
    info = replace(INFO, value_range=ValueRange((0.5, 1, 2), (100, 200, 300)))
    assert ModelInfo.from_json(info.to_json(), PATH) == info
    content = json.loads(INFO.to_json())
    del content["value_range"]  # as in files that were written before there was one
    read = ModelInfo.from_json(json.dumps(content), PATH).value_range
    assert read == ValueRange((0, 0, 0), (65535, 65535, 65535))


@pytest.mark.parametrize(("by", "version"), [(CENTRES, 1), (BOTH, 2), (COMPONENTS, 2), (WAISTS, 3)])
def test_an_earlier_reader_refuses_a_grouping_that_it_does_not_know(by: str, version: int) -> None:
    info = replace(INFO, task="instance", grouping=GroupingParameters((1,), by=by))
    assert json.loads(info.to_json())["format_version"] == version
    assert ModelInfo.from_json(info.to_json(), PATH) == info


def test_a_grouping_of_an_earlier_file_is_by_centres() -> None:
    grouping = ModelInfo.from_json(changed(task="instance", grouping=GROUPING), PATH).grouping
    assert grouping == GroupingParameters((1,), radius=3, least_heat=0.1, least_area=4, by=CENTRES)


def test_a_model_without_an_encoder_of_its_own_is_read() -> None:
    assert ModelInfo.from_json(changed(encoder=None), PATH).encoder is None


def test_the_text_holds_every_field_by_its_name() -> None:
    assert json.loads(INFO.to_json()) == {
        "format_version": 1,
        "model": "fpn",
        "encoder": "efficientnet_lite0",
        "task": "semantic",
        "classes": [{"name": "Straße", "color": [128, 64, 128]}, {"name": "sky", "color": [0, 0, 255]}],
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "stride": 32,
        "tile": 512,
        "overlap": 64,
        "width": None,
        "options": {},
        "grouping": None,
        "bands": None,
        "value_range": None,
        "extra_channels": 0,
    }


def test_the_largest_overlap_leaves_a_tile_one_stride() -> None:
    assert ModelInfo.from_json(changed(overlap=480), PATH).overlap == 480


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert ModelInfo.from_json(changed(note="trained on Tuesday"), PATH) == INFO


def test_a_newer_format_asks_for_a_newer_pixelwise() -> None:
    with pytest.raises(ModelFileError, match=f"found model file format {FORMAT_VERSION + 1}; .*Upgrade pixelwise"):
        ModelInfo.from_json(changed(format_version=FORMAT_VERSION + 1), PATH)


def test_a_file_of_another_program_is_told_apart() -> None:
    with pytest.raises(ModelFileError, match=r"some/model\.onnx: found an ONNX file without pixelwise metadata"):
        ModelInfo.from_json(None, PATH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        INFO.to_json()[:40],
        "[]",
        "7",
        "{}",
        '{"format_version": null}',
        '{"format_version": "x"}',
        '{"format_version": 0}',
        '{"format_version": true}',
        "[" * 100_000,
        '{"format_version": Infinity}',
    ],
)
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match="found damaged metadata"):
        ModelInfo.from_json(text, PATH)


OPTIONAL = ("format_version", "width", "options", "grouping", "bands", "value_range", "extra_channels")


@pytest.mark.parametrize("name", [name for name in json.loads(INFO.to_json()) if name not in OPTIONAL])
def test_a_missing_field_is_named(name: str) -> None:
    content = json.loads(INFO.to_json())
    del content[name]
    with pytest.raises(ModelFileError, match=f"found metadata without '{name}'"):
        ModelInfo.from_json(json.dumps(content), PATH)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"extra_channels": -1}, "-1, which is too small"),
        ({"task": "instance", "grouping": GROUPING | {"things": [2]}}, r"the things \(2,\) among 2 classes"),
        ({"task": "instance", "grouping": GROUPING | {"things": [1, 1]}}, r"\(1, 1\) in its grouping"),
        ({"task": "instance", "grouping": GROUPING | {"radius": 0}}, "radius 0, .* in its grouping"),
        ({"task": "instance", "grouping": GROUPING | {"least_heat": "hot"}}, "unusable value"),
        ({"task": "instance", "grouping": GROUPING | {"by": "votes"}}, "objects by 'votes' in its grouping"),
        ({"task": "instance", "grouping": {"things": [1]}}, "without 'radius'"),
        ({"mean": [0.5]}, r"mean \(0\.5,\)"),
        ({"mean": None}, "unusable value"),
        ({"mean": ["a", "b", "c"]}, "unusable value"),
        ({"std": [1.0, 0.0, 1.0]}, r"std \(1\.0, 0\.0, 1\.0\)"),
        ({"std": [1.0, float("nan"), 1.0]}, r"std \(1\.0, nan, 1\.0\)"),
        ({"stride": 0}, "stride 0"),
        ({"stride": "wide"}, "unusable value"),
        ({"stride": float("inf")}, "unusable value"),
        ({"tile": 500}, "tile 500"),
        ({"tile": 0}, "tile 0"),
        ({"overlap": 481}, "overlap 481"),
        ({"overlap": -1}, "overlap -1"),
        ({"tile": 2**15}, "tile 32768"),
        ({"tile": "512"}, "'512' in the place of a whole number"),
        ({"tile": True}, "True in the place of a whole number"),
        ({"tile": 512.0}, "512.0 in the place of a whole number"),
        ({"model": ["fpn"]}, r"\['fpn'\] in the place of a text"),
        ({"model": "\ud800"}, "unusable value"),
        ({"encoder": 5}, "5 in the place of a text"),
        ({"task": None}, "None in the place of a text"),
        ({"mean": "abc"}, "'abc' in the place of a list"),
        ({"mean": [10**400, 0, 0]}, "10000.* in the place of a number"),
        ({"width": -1}, "width -1"),
        ({"width": 1e9}, "width 1000000000"),
        ({"width": "wide"}, "'wide' in the place of a number"),
        ({"options": ["a"]}, r"\['a'\] in the place of an object"),
        ({"options": {"a": [1]}}, r"\[1\] among the options"),
        ({"grouping": [1]}, r"\[1\] in the place of an object"),
        ({"task": "instance", "grouping": GROUPING | {"radius": 10**9}}, "1000000000, which is too large"),
        ({"bands": {"numbers": ["1"], "low": [0], "high": [1]}}, "'1' in the place of a whole number"),
        ({"value_range": {"low": 0, "high": 1}}, "0 in the place of a list"),
        ({"classes": ["sky"]}, "'sky' in the place of an object"),
        ({"classes": [{"name": 5}]}, "5 in the place of a text"),
        ({"classes": [{"name": "sky", "color": "red"}]}, "'red' in the place of a list"),
        ({"classes": [{"name": str(n)} for n in range(300)]}, "256 classes in its classes"),
        ({"classes": []}, "0 classes in its classes"),
        ({"classes": {"name": "sky"}}, "unusable value"),
        ({"classes": [{"name": "sky"}, {"name": "sky"}]}, "the name 'sky' twice"),
        ({"classes": [{"name": "sky", "color": [1, 2]}]}, "unusable value"),
        ({"classes": [{"name": "sky", "color": [1, 2, 999]}]}, r"colour \(1, 2, 999\)"),
    ],
)
def test_a_field_out_of_range_is_named(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        ModelInfo.from_json(changed(**fields), PATH)


def test_bands_come_back_and_count_the_channels() -> None:
    bands = Bands((4, 1), (0.5, 10.0), (1.5, 3000.0))
    info = replace(INFO, bands=bands, mean=(0.4, 0.5), std=(0.2, 0.2))
    again = ModelInfo.from_json(info.to_json(), PATH)
    assert again == info
    assert again.in_channels == 2
    with pytest.raises(ModelFileError, match="expected 2 finite values each, std above 0"):
        ModelInfo.from_json(replace(INFO, bands=bands).to_json(), PATH)
    damaged = json.loads(info.to_json())
    damaged["bands"]["numbers"] = [4, 4]
    with pytest.raises(ModelFileError, match="found 4, 4 in its grouping, bands or value range"):
        ModelInfo.from_json(json.dumps(damaged), PATH)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "null", '{"format_version": [1]}', '{"format_version": 1e999}'])
def test_metadata_of_any_json(text: str) -> None:
    with pytest.raises(ModelFileError, match=r"a\.onnx: found damaged metadata"):
        ModelInfo.from_json(text, Path("a.onnx"))
