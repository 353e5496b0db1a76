"""Layers that count the batches of all processes stay the layers they were; `test_processes.py` trains with them."""

from __future__ import annotations

import copy

import torch
from torch.testing import assert_close

from pixelwise.nn.encoders.registry import build_encoder
from pixelwise.training.batch_norm import SynchronisedBatchNorm2d, synchronise


def test_synchronised_layers_keep_their_weights_their_hooks_and_whether_they_learn() -> None:
    encoder = build_encoder("test_efficientnet", expanded=True).eval()  # timm takes its maps by hooks
    encoder.freeze(4)
    image = torch.rand(1, 3, 64, 64)
    before, learning, frozen = encoder(image), _learning(encoder), encoder.frozen_layers()
    synchronise(encoder)
    assert any(isinstance(layer, SynchronisedBatchNorm2d) for layer in encoder.modules())
    assert _learning(encoder) == learning
    assert [id(layer) for layer in encoder.frozen_layers()] == [id(layer) for layer in frozen]
    for net in (encoder, copy.deepcopy(encoder)):
        for actual, expected in zip(net(image), before, strict=True):
            assert_close(actual, expected)


def _learning(module: torch.nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}
