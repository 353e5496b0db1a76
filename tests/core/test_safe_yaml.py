"""YAML of anybody's: what is right is read as PyYAML reads it, anything else is one error, soon."""

from __future__ import annotations

import time

import pytest
import yaml

from pixelwise.core.safe_yaml import yaml_value

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join(10 * [f'*a{i - 1}'])}]\n" for i in range(1, 9)
)
"""A billion values in 500 characters."""
USUAL = """\
path: ../data   # a comment
names: {0: "no", 1: yes, 2: 0x10, 3: 1_000, 4: 2.5e+3, 5: .inf, 6: 2020-01-02, 7: ~}
shared: &shared {color: [1, 2, 3]}
first: *shared
second:
  <<: *shared
  name: großes Haus
"""


def test_yaml_is_read_as_pyyaml_reads_it() -> None:
    assert yaml_value(USUAL) == yaml.safe_load(USUAL)
    assert yaml_value(USUAL)["second"] == {"color": [1, 2, 3], "name": "großes Haus"}
    assert yaml_value("") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "more than 50,000 values"),
        ("&a [*a]", r"an alias to what holds it \(\*a\)"),
        ("[" * 100_000, "nested too deep"),
        ("a: " * 100_000, "."),
        ("\n".join(" " * i + "a:" for i in range(100)), "nested too deep"),
        ("a" * 600_000, "600,000 characters, more than 524,288"),
        ("a: " + "9" * 5000, "a number of more than 100 digits"),
        ("a: " + ":".join(["1"] * 100_000), "a number of more than 100 digits"),
        ("a: " + "1" * 400 + ".0", "a number of more than 100 digits"),
        ("a: !!bool maybe", "."),
        ("a: !!int ''", "."),
        ("a: !!timestamp soon", "."),
        ("a: 2020-13-45", "month"),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("{[1]: 2}", "unhashable"),
        ("a: *nothing", "undefined alias"),
        ("a: \x00", "special characters are not allowed"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: [", "."),
    ],
)
def test_yaml_beyond_bounds(text: str, reason: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=reason) as raised:
        yaml_value(text)
    assert time.monotonic() - start < 10
    assert len(str(raised.value)) <= 300


def test_aliases_that_stand_for_little_are_read() -> None:
    text = "a: &a [1, 2]\nb: [" + ", ".join(["*a"] * 1000) + "]"
    assert yaml_value(text)["b"] == 1000 * [[1, 2]]
