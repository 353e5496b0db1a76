"""What another package adds to pixelwise is known by its name."""

from __future__ import annotations

import pytest

import pixelwise as pw
from pixelwise.core.errors import OptionError
from pixelwise.core.registry import Registry
from pixelwise.data.layouts import LAYOUTS
from pixelwise.inference.engines.registry import ENGINES
from pixelwise.inference.writers.registry import WRITERS
from pixelwise.nn.augment import AUGMENTATIONS, color, elastic
from pixelwise.nn.encoders.registry import ENCODERS
from pixelwise.nn.losses import LOSSES, cross_entropy
from pixelwise.nn.models import MODELS
from pixelwise.tasks import TASKS

REGISTRIES: dict[str, Registry] = {
    "model": MODELS,
    "encoder": ENCODERS,
    "loss": LOSSES,
    "augmentation": AUGMENTATIONS,
    "layout": LAYOUTS,
    "task": TASKS,
    "engine": ENGINES,
    "writer": WRITERS,
}


@pytest.fixture(params=REGISTRIES)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Registry]:
    """A kind of thing and its registry, which forgets what the test adds."""
    registry = REGISTRIES[request.param]
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    return request.param, registry


def test_an_added_thing_is_had_by_its_name(case: tuple[str, Registry]) -> None:
    kind, registry = case
    thing = registry[next(iter(registry))]
    getattr(pw, f"register_{kind}")("new", thing)
    assert registry["new"] is thing
    assert list(registry)[-1] == "new"


def test_a_name_that_is_taken_is_refused(case: tuple[str, Registry]) -> None:
    kind, registry = case
    first = next(iter(registry))
    with pytest.raises(OptionError, match=rf"{registry.kind}: found '{first}', which is registered already"):
        getattr(pw, f"register_{kind}")(first, object())


def test_the_built_in_things() -> None:
    assert LOSSES["cross_entropy"] is cross_entropy
    assert [AUGMENTATIONS[name] for name in ("color", "elastic")] == [color, elastic]
