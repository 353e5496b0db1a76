"""The live model as one net says what the live model says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.labels import features
from pixelwise.labels.features import ArrayImage
from pixelwise.labels.live import LiveModel
from pixelwise.labels.live_net import LEAST, LiveNet

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (123, 166)
"""No multiple of any stride."""


def scene(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return an image of three regions, and strokes in them; of the classes 0 to 3, 1 has none."""
    rng = np.random.default_rng(0)
    image = np.empty((*SIZE, channels), np.uint8)
    for channel in range(channels):
        image[..., channel] = 60 + 30 * channel
        image[:, SIZE[1] // 2 :, channel] = 150 - 30 * channel
        image[30:60, 20:70, channel] = 200 if channel % 2 else 20
    image = (image + rng.integers(-20, 20, (*SIZE, 1))).clip(0, 255).astype(np.uint8)
    strokes = np.full(SIZE, 255, np.uint8)
    strokes[10:14, 10:60], strokes[80:84, 100:150], strokes[40:44, 30:60] = 0, 2, 3
    return image, strokes


@pytest.mark.parametrize(("channels", "scale"), [(3, 1), (3, 2), (1, 1), (5, 2)])
def test_its_label_map_is_that_of_the_live_model(
    channels: int, scale: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "ENLARGED_PIXELS", 10**6 if scale == 2 else 0)
    image, strokes = scene(channels)
    model = LiveModel(4, tmp_path)
    model.add_image("scene", ArrayImage(image))
    model.set_labels("scene", ArrayImage(strokes))
    model.compute_features("scene", 0)
    model.fit(steps=60)
    expected = model.predict("scene", 0).label_map
    assert len(np.unique(expected)) == 3

    head = model._head
    assert head is not None
    with torch.no_grad():
        logits = LiveNet(head, channels, scale).eval()(torch.from_numpy(image)[None])[0].numpy()
    assert logits.shape == (4, *SIZE)
    assert (logits.argmax(axis=0) == expected).mean() >= 0.999
    assert np.median(abs(np.exp(logits).sum(axis=0) - 1)) < 1e-4  # at edges they are clipped
    assert np.allclose(logits[1], np.log(LEAST))
