"""YAML from untrusted files, read within bounds by a safe loader of PyYAML that counts what it reads.

Depth, numbers and the expansion of aliases are limited; no constructor of a file is called.
"""

from __future__ import annotations

from typing import Any

import yaml

from pixelwise.core.documents import MAX_DEPTH, MAX_DIGITS, MAX_LIST_BYTES

MAX_VALUES = 50_000
"""Values of a file, with its aliases expanded."""
_REASON = 300


def yaml_value(text: str) -> Any:
    """Parse YAML. Raises `ValueError` for text that is not YAML or exceeds the bounds of this module."""
    if len(text) > MAX_LIST_BYTES:
        raise ValueError(f"{len(text):,} characters, more than {MAX_LIST_BYTES:,}")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    # PyYAML's own constructors raise all of these for values that contradict their tags, as `!!bool x`
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(" ".join(str(error).split())[:_REASON] or type(error).__name__) from error


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that counts what it reads."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in self.anchors and anchor not in self._sizes:
                raise ValueError(f"an alias to what holds it (*{anchor})")
            self._count(self._sizes.get(str(anchor), 0))
            return super().compose_node(parent, index)
        before = self._values
        self._count(1)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None:
            self._sizes[str(anchor)] = self._values - before
        return node

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES:,} values, with aliases written out")

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        _require_short(node)
        number: int = super().construct_yaml_int(node)
        return number

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        _require_short(node)
        number: float = super().construct_yaml_float(node)
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _require_short(node: yaml.Node) -> None:
    if len(str(node.value)) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
