"""`config.yaml`: what is saved is loaded, and what makes no sense is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pixelwise.core.classes import ClassMap
from pixelwise.core.errors import RunError
from pixelwise.training.config import RunConfig

ConfigOf = Callable[..., RunConfig]


@pytest.mark.parametrize(
    "names",
    [("sky", "Straße"), ("no", "1", "null", "1e3", "0x10", "2024-01-01"), ("a: b", "# c", "'d", "- e", " f", "🌳")],
)
def test_what_is_saved_is_loaded(config_of: ConfigOf, names: tuple[str, ...], tmp_path: Path) -> None:
    config = config_of(*names)
    config.save(tmp_path / "deeper" / "config.yaml")
    loaded = RunConfig.load(tmp_path / "deeper" / "config.yaml")
    assert loaded == config
    assert loaded.class_map == ClassMap(names, tuple((10 * i, 20, 255) for i in range(len(names))))


def test_numbers_come_back_to_the_last_bit(config_of: ConfigOf, tmp_path: Path) -> None:
    config_of("a", "b", "c").save(tmp_path / "config.yaml")
    assert RunConfig.load(tmp_path / "config.yaml").recipe.class_weights == (1 / 3, 0.25, 0.2)


def test_a_config_of_before_the_encoders_padding_means_symmetric(config_of: ConfigOf, tmp_path: Path) -> None:
    content = config_of("sky", "road").model_dump(mode="json")
    del content["encoder_padding"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert RunConfig.load(tmp_path / "config.yaml").encoder_padding == "symmetric"


def test_a_config_of_before_applies_no_factor_to_the_encoder_of_segnet(config_of: ConfigOf, tmp_path: Path) -> None:
    """Version 1 of the recipe stored 0.1 and did not use it."""
    path = tmp_path / "config.yaml"
    config = config_of("road", "sky")
    config.replace(recipe=config.recipe.replace(version=1, encoder_factor=0.1)).save(path)
    assert RunConfig.load(path).recipe.encoder_factor == 1.0
    config.replace(recipe=config.recipe.replace(encoder_factor=0.1)).save(path)
    assert RunConfig.load(path).recipe.encoder_factor == 0.1


def test_vgg16_of_before_the_families_is_timms_but_for_an_fcn(config_of: ConfigOf, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for model, encoder in (("fpn", "timm/vgg16"), ("fcn8s", "vgg16")):
        config_of("road", "sky").replace(model=model, encoder="vgg16").save(path)
        assert RunConfig.load(path).encoder == encoder


def test_the_file_reads_in_the_order_of_the_fields(config_of: ConfigOf, tmp_path: Path) -> None:
    config_of("sky", "road").save(tmp_path / "config.yaml")
    content = yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    assert list(content) == list(RunConfig.model_fields)
    assert content["classes"][1] == {"name": "road", "color": [10, 20, 255]}
    assert content["recipe"]["crop"] == [32, 64]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "found seed: Input should be greater than or equal to 0"),
        ({"task": "panoptik"}, "found task: Value error, found 'panoptik'; expected one of semantic, instance"),
        ({"modle": "fpn"}, "found modle: Extra inputs are not permitted"),
        ({"recipe": {}}, r"found recipe\.crop: Field required"),
        ({"classes": 3}, "found classes: Input should be a valid tuple"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(
    config_of: ConfigOf, changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config_of("sky", "road").model_dump(mode="json") | changes), encoding="utf-8")
    with pytest.raises(RunError, match=rf"config\.yaml: {message}"):
        RunConfig.load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"class_weights": [1.0, float("nan")]},
        {"reduction": "max"},
    ],
)
def test_a_number_of_the_recipe_that_makes_no_sense_is_named(
    config_of: ConfigOf, changes: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    content = config_of("sky", "road").model_dump(mode="json")
    content["recipe"] |= changes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(RunError, match=rf"found recipe\.{next(iter(changes))}[.:]"):
        RunConfig.load(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "found no such file"),
        (b"", "found the file: "),
        (b"just words", "found the file: "),
        (b"a: [1, 2", "found an unreadable file"),
        (b"\xff\xfe\x00", "found an unreadable file"),
        (b"!!python/object/apply:os.system ['true']", "found an unreadable file"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=problem):
        RunConfig.load(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: &a [x]\nb: &b [*a, *a]\n" + "c: [" + "*b, " * 60_000 + "]",
            "an unreadable file .*more than 50,000 values",
        ),
        ("[" * 100_000, r"an unreadable file \(nested too deep\)"),
        ("a: !!bool x", "an unreadable file"),
        ("a" * 600_000, r"an unreadable file \(600,000 bytes, more than 524,288\)"),
        ("[]", "the file: Input should be"),
    ],
)
def test_a_file_beyond_bounds_is_no_configuration(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=rf"config\.yaml: found {problem}"):
        RunConfig.load(tmp_path / "config.yaml")
