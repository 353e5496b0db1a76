"""FCN as published: the authors' layers and crops, exact alignment without their padding, stages that share names."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from pixelwise.core.errors import OptionError
from pixelwise.nn.layers.upsampling import BilinearUpsampling, bilinear_kernel
from pixelwise.nn.models import build
from pixelwise.nn.models.fcn import FCN, AlignedUpsampling, Grid, Head

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ("fcn32s", "fcn16s", "fcn8s")

# voc-fcn8s/train.prototxt of the authors' repository (shelhamer/fcn.berkeleyvision.org), in the order of its layers:
# name, kernel, num_output; the channels before are those of `bottom`. Only Deconvolution layers have no bias.
REFERENCE = [
    ("conv1_1", 3, 3, 64),
    ("conv1_2", 3, 64, 64),
    ("conv2_1", 3, 64, 128),
    ("conv2_2", 3, 128, 128),
    ("conv3_1", 3, 128, 256),
    ("conv3_2", 3, 256, 256),
    ("conv3_3", 3, 256, 256),
    ("conv4_1", 3, 256, 512),
    ("conv4_2", 3, 512, 512),
    ("conv4_3", 3, 512, 512),
    ("conv5_1", 3, 512, 512),
    ("conv5_2", 3, 512, 512),
    ("conv5_3", 3, 512, 512),
    ("fc6", 7, 512, 4096),
    ("fc7", 1, 4096, 4096),
    ("score_fr", 1, 4096, 21),
    ("upscore2", 4, 21, 21),
    ("score_pool4", 1, 512, 21),
    ("upscore_pool4", 4, 21, 21),
    ("score_pool3", 1, 256, 21),
    ("upscore8", 16, 21, 21),
]


def reference_parameters() -> dict[str, int]:
    """Weights and biases of each convolution; of the up-sampling layers, the reference's dense kernels, K x K pairs."""
    return {
        name: kernel**2 * before * after + (0 if name.startswith("upscore") else after)
        for name, kernel, before, after in REFERENCE
    }


def scored(name: str, encoder: str = "vgg16", width: float = 1 / 16, **options: bool) -> FCN:
    """Build a small net whose score layers no longer stand at zero."""
    torch.manual_seed(0)
    net = build(name, 3, 3, encoder, width=width, options=options)
    for score in net.head.children():
        if not isinstance(score, BilinearUpsampling):
            nn.init.normal_(score.weight)
            nn.init.normal_(score.bias)
    return net.eval()


def image(height: int, width: int) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_fcn8s_has_the_layers_of_the_reference() -> None:
    with torch.device("meta"):
        net = build("fcn8s", 21)
    encoder = [layer for layer in net.encoder.modules() if isinstance(layer, nn.Conv2d)]
    by_reference = dict(zip([row[0] for row in REFERENCE[:15]], encoder, strict=True)) | dict(net.head.named_children())
    table = {
        name: (layer.kernel_size[0], layer.in_channels, layer.out_channels) for name, layer in by_reference.items()
    }
    assert table == {name: (kernel, before, after) for name, kernel, before, after in REFERENCE}

    counted = reference_parameters()
    for name, layer in by_reference.items():
        parameters = sum(tensor.numel() for tensor in layer.state_dict().values())
        if name.startswith("upscore"):  # ours are diagonal: one kernel a class instead of 21 x 21, the rest zero
            assert 21 * parameters == counted[name]
        else:
            assert parameters == counted[name]


def test_fcn8s_has_as_many_parameters_as_the_reference() -> None:
    """134,362,751 learnt: VGG16 without its last layer, and the scores of 21 classes at 4096, 512 and 256 channels.

    Beside them the reference holds 127,008 fixed weights of up-sampling, in dense kernels that are zero but on the
    diagonal; here the diagonal alone, 6,048.
    """
    with torch.device("meta"):
        net = build("fcn8s", 21)
        learning = build("fcn8s", 21, options={"learnt_upsampling": True})
    counted = reference_parameters()
    fixed = sum(count for name, count in counted.items() if name.startswith("upscore"))
    learnt = sum(counted.values()) - fixed
    assert fixed == (4 * 4 + 4 * 4 + 16 * 16) * 21 * 21 == 127_008
    assert sum(parameter.numel() for parameter in net.parameters()) == learnt
    assert sum(buffer.numel() for buffer in net.buffers()) == fixed // 21 == 6_048
    vgg16 = 138_357_544 - (4096 * 1000 + 1000)  # torchvision's count, less the layer of ImageNet's classes
    assert learnt == vgg16 + (4096 + 1) * 21 + (512 + 1) * 21 + (256 + 1) * 21 == 134_362_751
    assert sum(parameter.numel() for parameter in learning.parameters()) == learnt + 2 * 4 * 4 * 21


def test_scores_start_at_zero() -> None:
    net = build("fcn8s", 3, width=1 / 16).eval()
    assert not net(image(40, 50)).any()


def test_the_crops_of_the_reference_follow_from_its_padding() -> None:
    """Of train.prototxt: `score` of the four nets, and `score_pool4c` and `score_pool3c`, which crop the finer map."""

    def starts(name: str, encoder: str = "vgg16") -> list[int]:
        net = scored(name, encoder, reference_padding=True)
        return [up.start for up in net.head.children() if isinstance(up, AlignedUpsampling)]

    assert starts("fcn32s") == [19]
    assert starts("fcn16s") == [-5, 27]
    assert starts("fcn8s") == [-5, -9, 31]
    assert starts("fcn32s", "alexnet") == [18]


def reference_fcn8s(net: FCN, given: torch.Tensor) -> torch.Tensor:
    """Compute voc-fcn8s/net.py layer by layer with the weights of `net`: pad 100, Caffe's poolings, crops 5, 9, 31."""
    convolutions = [layer for layer in net.encoder.modules() if isinstance(layer, nn.Conv2d)]
    features, padding, pooled = given, 100, []
    for count in (2, 2, 3, 3, 3):
        for layer in [convolutions.pop(0) for _ in range(count)]:
            features = F.conv2d(features, layer.weight, layer.bias, padding=padding).relu()
            padding = 1
        features = F.max_pool2d(features, 2, 2, ceil_mode=True)
        pooled.append(features)
    for layer in convolutions:
        features = F.conv2d(features, layer.weight, layer.bias).relu()

    def up(scores: torch.Tensor, factor: int) -> torch.Tensor:
        dense = torch.zeros(3, 3, 2 * factor, 2 * factor)
        dense[range(3), range(3)] = bilinear_kernel(2 * factor)
        return F.conv_transpose2d(scores, dense, stride=factor)

    def crop(scores: torch.Tensor, like: torch.Tensor, offset: int) -> torch.Tensor:
        return scores[..., offset : offset + like.shape[-2], offset : offset + like.shape[-1]]

    upscore2 = up(net.head.score_fr(features), 2)
    fused = upscore2 + crop(net.head.score_pool4(pooled[3]), upscore2, 5)
    upscore_pool4 = up(fused, 2)
    fused = upscore_pool4 + crop(net.head.score_pool3(pooled[2]), upscore_pool4, 9)
    return crop(up(fused, 8), given, 31)


@pytest.mark.parametrize(("size", "fitting"), [((58, 90), (58, 90)), ((37, 59), (58, 90)), ((1, 26), (26, 26))])
def test_with_reference_padding_it_computes_what_the_reference_does(
    size: tuple[int, int], fitting: tuple[int, int]
) -> None:
    """At sides of 32 k + 26 poolings have nothing to round; others equal the image with zeros up to these.

    Equal to float32 rounding of sums that are taken in another order.
    """
    net, given = scored("fcn8s", reference_padding=True), image(*size)
    padded = F.pad(given, (0, fitting[1] - size[1], 0, fitting[0] - size[0]))
    with torch.no_grad():
        expected = reference_fcn8s(net, padded)[..., : size[0], : size[1]]
        assert expected.shape[-2:] == size
        assert_close(net(given), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reference_padding", [False, True])
@pytest.mark.parametrize("encoder", ["alexnet", "vgg16", "googlenet"])
@pytest.mark.parametrize("name", NAMES)
def test_a_shift_by_the_stride_shifts_the_logits(name: str, encoder: str, reference_padding: bool) -> None:
    """Away from the border, as far as the widest receptive field reaches to a side and a cell more."""
    net, reach = scored(name, encoder, width=1 / 32, reference_padding=reference_padding), 288
    given = image(32, 2 * reach + 96)
    with torch.no_grad():
        whole, moved = net(given), net(given[..., 32:])
    expected = whole[..., reach + 32 : -reach]
    assert expected.std() > 0.1
    assert_close(moved[..., reach:-reach], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["alexnet", "vgg16", "googlenet"])
@pytest.mark.parametrize("fading", [False, True])
@pytest.mark.parametrize("finest", [32, 16, 8])
def test_a_cells_score_lands_around_the_centre_of_its_receptive_field(encoder: str, fading: bool, finest: int) -> None:
    """The centre of mass of one scored cell, by map, is the pixel that `offsets` tells (which has its own test)."""
    with torch.device("meta"):
        net = build("fcn8s", 2, 3, encoder, options={"reference_padding": fading}).encoder
        sizes = [features.shape[-2:] for features in net(torch.zeros(2, 3, 512, 512))]
    grids = [Grid(*cells) for cells in zip(net.strides, net.offsets, strict=True)]
    levels = [level for level in range(3) if grids[level].stride >= finest]
    head = Head(2, [1] * len(levels), [grids[level] for level in levels], fading=fading)
    for level in levels:
        stride, offset = grids[level]
        maps = [torch.zeros(1, 1, *size) for size in sizes]
        cell = round((256 - offset) / stride)
        maps[level][..., cell, cell] = 1
        for index, name in zip(levels, ("score_pool3", "score_pool4", "score_fr")[-len(levels) :], strict=True):
            nn.init.constant_(head.get_submodule(name).weight, float(index == level))
        with torch.no_grad():
            logits = head(maps, 512, 512)[0, 0].double()
        positions = torch.arange(512, dtype=torch.float64)
        for axis in (0, 1):
            centre = (logits.sum(axis) * positions).sum() / logits.sum()
            assert centre.item() == pytest.approx(stride * cell + offset, abs=1e-4)


@pytest.mark.parametrize(("encoder", "sides"), [("alexnet", (63, 95)), ("vgg16", (64, 96)), ("googlenet", (63, 95))])
@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_image_has_mirrored_logits(name: str, encoder: str, sides: tuple[int, int]) -> None:
    """To the very border, with mirrored kernels and sides that the cells share out evenly."""
    net = scored(name, encoder)
    with torch.no_grad():
        for layer in net.encoder.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_((layer.weight + layer.weight.flip(3)) / 2)
        expected = net(image(*sides)).flip(3)
        assert expected.std() > 0.1
        assert_close(net(image(*sides).flip(3)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["alexnet", "vgg16", "googlenet"])
@pytest.mark.parametrize("name", NAMES)
def test_equal_scores_everywhere_stay_equal_up_to_the_border(name: str, encoder: str) -> None:
    """The biases of the score layers alone: up-sampling weights add up to one, so the logits are their sum."""
    net = scored(name, encoder)
    scores = [layer for layer in net.head.children() if not isinstance(layer, BilinearUpsampling)]
    for layer in scores:
        nn.init.zeros_(layer.weight)
    with torch.no_grad():
        expected = sum(layer.bias for layer in scores).view(1, 3, 1, 1).expand(1, 3, 45, 70)
        assert_close(net(image(45, 70)), expected)


def test_an_odd_size_equals_the_image_with_zeros_at_its_bottom_and_right() -> None:
    net, padded = scored("fcn8s"), torch.zeros(1, 3, 64, 96)
    padded[..., :33, :65] = image(33, 65)
    with torch.no_grad():
        assert torch.equal(net(image(33, 65)), net(padded)[..., :33, :65])


def test_at_once_scales_the_finer_maps_before_their_scores() -> None:
    """voc-fcn8s-atonce/net.py: pool4 by 0.01, pool3 by 0.0001; scores are linear, so weights may be scaled too."""
    net, plain = scored("fcn8s", at_once=True), scored("fcn8s")
    with torch.no_grad():
        unscaled = plain(image(64, 64))
        plain.head.score_pool4.weight *= 0.01
        plain.head.score_pool3.weight *= 0.0001
        assert_close(net(image(64, 64)), plain(image(64, 64)), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(net(image(64, 64)), unscaled, atol=0.01)


@pytest.mark.parametrize(("before", "after"), list(pairwise(NAMES)))
def test_a_stage_finds_all_of_the_last_stage_but_its_way_to_the_image(before: str, after: str) -> None:
    """So a stage starts where the last one ended: the new score is zero, and up-sampling in two steps is bilinear."""
    coarse, fine = scored(before), build(after, 3, width=1 / 16).eval()
    lent = coarse.state_dict()
    left = set(lent) - set(fine.state_dict())
    assert left == {"fcn32s": {"head.upscore.weight"}, "fcn16s": {"head.upscore16.weight"}}[before]
    missing = fine.load_state_dict({name: lent[name] for name in lent if name not in left}, strict=False).missing_keys
    assert {name.split(".")[1] for name in missing} == {
        "fcn16s": {"score_pool4", "upscore2", "upscore16"},
        "fcn8s": {"score_pool3", "upscore_pool4", "upscore8"},
    }[after]
    with torch.no_grad():
        first, second = coarse(image(96, 96)), fine(image(96, 96))
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] > 0.99


def test_only_up_sampling_between_maps_is_learnt() -> None:
    net = scored("fcn8s", learnt_upsampling=True)
    assert {name for name, _ in net.head.named_parameters() if "upscore" in name} == {
        "upscore2.weight",
        "upscore_pool4.weight",
    }
    with torch.no_grad():
        assert torch.equal(net(image(40, 40)), scored("fcn8s")(image(40, 40)))
    for name in ("at_once", "learnt_upsampling"):
        with pytest.raises(OptionError, match=f"found '{name}'; expected an option of model fcn32s: reference_padding"):
            build("fcn32s", 2, options={name: True})


def test_all_that_depends_on_the_classes_is_the_head() -> None:
    with torch.device("meta"):
        two, three = (build("fcn8s", classes, width=1 / 16).state_dict() for classes in (2, 3))
    assert {name.split(".")[0] for name in two if two[name].shape != three[name].shape} == {"head"}
    assert len([name for name in two if name.startswith("head.")]) == 3 * 2 + 3


def test_random_encoders_are_drawn_as_he_et_al_do_and_pretrained_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = build("fcn32s", 2, width=0.125).encoder.net.features[28]
    assert layer.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    with torch.device("meta"):
        weights = build("fcn32s", 2, encoder="googlenet").encoder.net.state_dict()
    weights = {name: torch.full(tensor.shape, 0.25) for name, tensor in weights.items()}
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: weights)
    net = build("fcn32s", 2, encoder="googlenet", pretrained=True)
    assert all(torch.equal(parameter, weights[name]) for name, parameter in net.encoder.net.named_parameters())


def test_an_encoder_without_fully_connected_layers_is_refused() -> None:
    with pytest.raises(OptionError, match="encoder: found 'resnet18'; expected a classifier with fully connected"):
        build("fcn8s", 2, encoder="resnet18")
