"""SegNet, SegNet-Basic and Bayesian SegNet as published: their layers, and pooling indices as the only bridge."""

from __future__ import annotations

from urllib.error import URLError

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torchvision.models import vgg16_bn

from pixelwise.core.errors import MissingDependencyError, OptionError
from pixelwise.nn.models import build, segnet
from pixelwise.nn.models.segnet import SegNet, SegNetBasic, bayesian_segnet, fill_from_vgg16
from pixelwise.nn.pipeline import Pipeline

POOL, UNPOOL, DROP = "pool", "unpool", "drop"
Convolution = tuple[str, int, int, int]  # name in the authors' definition, input and output channels, kernel

# The authors' definitions, layer by layer: github.com/alexgkendall/SegNet-Tutorial, Models/, as of 2016.
# num_output and kernel_size of each Convolution; input channels are the output of the layer named as its bottom.
# segnet_train.prototxt. Every Convolution but the last is followed by BN and ReLU.
SEGNET: list[Convolution | str] = [
    ("conv1_1", 3, 64, 3),
    ("conv1_2", 64, 64, 3),
    POOL,  # pool1
    ("conv2_1", 64, 128, 3),
    ("conv2_2", 128, 128, 3),
    POOL,  # pool2
    ("conv3_1", 128, 256, 3),
    ("conv3_2", 256, 256, 3),
    ("conv3_3", 256, 256, 3),
    POOL,  # pool3
    ("conv4_1", 256, 512, 3),
    ("conv4_2", 512, 512, 3),
    ("conv4_3", 512, 512, 3),
    POOL,  # pool4
    ("conv5_1", 512, 512, 3),
    ("conv5_2", 512, 512, 3),
    ("conv5_3", 512, 512, 3),
    POOL,  # pool5
    UNPOOL,  # upsample5
    ("conv5_3_D", 512, 512, 3),
    ("conv5_2_D", 512, 512, 3),
    ("conv5_1_D", 512, 512, 3),
    UNPOOL,  # upsample4
    ("conv4_3_D", 512, 512, 3),
    ("conv4_2_D", 512, 512, 3),
    ("conv4_1_D", 512, 256, 3),
    UNPOOL,  # upsample3
    ("conv3_3_D", 256, 256, 3),
    ("conv3_2_D", 256, 256, 3),
    ("conv3_1_D", 256, 128, 3),
    UNPOOL,  # upsample2
    ("conv2_2_D", 128, 128, 3),
    ("conv2_1_D", 128, 64, 3),
    UNPOOL,  # upsample1
    ("conv1_2_D", 64, 64, 3),
    ("conv1_1_D", 64, 11, 3),
]
# segnet_basic_train.prototxt. BN follows every Convolution but the last, ReLU those of the encoder.
SEGNET_BASIC: list[Convolution | str] = [
    ("conv1", 3, 64, 7),
    POOL,
    ("conv2", 64, 64, 7),
    POOL,
    ("conv3", 64, 64, 7),
    POOL,
    ("conv4", 64, 64, 7),
    POOL,
    UNPOOL,
    ("conv_decode4", 64, 64, 7),
    UNPOOL,
    ("conv_decode3", 64, 64, 7),
    UNPOOL,
    ("conv_decode2", 64, 64, 7),
    UNPOOL,
    ("conv_decode1", 64, 64, 7),
    ("conv_classifier", 64, 11, 1),
]
# bayesian_segnet_train.prototxt: SegNet with Dropout of 0.5 behind pool3, pool4 and pool5 (encdrop3 .. 5) and behind
# conv5_1_D, conv4_1_D and conv3_1_D, before the next Upsample (decdrop5 .. 3).
# bayesian_segnet_basic_train.prototxt: SegNet-Basic with it behind pool3 and pool4 and behind conv_decode4 and 3.
DROPPED_BEHIND_POOL = (3, 4, 5)
DROPPED_BEHIND = ("conv5_1_D", "conv4_1_D", "conv3_1_D", "conv_decode4", "conv_decode3")


def with_dropout(layers: list[Convolution | str]) -> list[Convolution | str]:
    dropped: list[Convolution | str] = []
    for layer in layers:
        dropped.append(layer)
        pools = dropped.count(POOL)
        if (layer == POOL and pools in DROPPED_BEHIND_POOL) or layer[0] in DROPPED_BEHIND:
            dropped.append(DROP)
    return dropped


def kinds_of(layers: list[Convolution | str], decoder_relu: bool) -> list[tuple[str, int, int, int] | str]:
    """What runs when, as `executed` tells it: batch norm and ReLU behind every convolution that has them."""
    *inner, classifier = layers
    told: list[tuple[str, int, int, int] | str] = []
    for layer in inner:
        if isinstance(layer, str):
            told.append(layer)
        else:
            told += [("conv", *layer[1:]), "norm"]
            if decoder_relu or UNPOOL not in told:
                told.append("relu")
    return [*told, ("conv", *classifier[1:])]


def executed(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int, int] | str]:
    """Run a net once and tell its layers in the order in which they ran."""
    told: list[tuple[str, int, int, int] | str] = []
    pool, unpool = segnet.max_pool_with_indices, segnet.max_unpool
    monkeypatch.setattr(segnet, "max_pool_with_indices", lambda x: (told.append(POOL), pool(x))[1])
    monkeypatch.setattr(segnet, "max_unpool", lambda x, *at: (told.append(UNPOOL), unpool(x, *at))[1])
    names = {nn.BatchNorm2d: "norm", nn.ReLU: "relu", nn.Dropout: DROP}

    def tell(layer: nn.Module, given: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            told.append(("conv", layer.in_channels, layer.out_channels, layer.kernel_size[0]))
        elif type(layer) in names:
            told.append(names[type(layer)])

    for layer in net.modules():
        layer.register_forward_hook(tell)
    net(torch.zeros(1, 3, 32, 32, device="meta"))
    return told


@pytest.mark.parametrize(
    ("name", "layers", "decoder_relu"),
    [
        ("segnet", SEGNET, True),
        ("segnet_basic", SEGNET_BASIC, False),
        ("bayesian_segnet", with_dropout(SEGNET), True),
        ("bayesian_segnet_basic", with_dropout(SEGNET_BASIC), False),
    ],
)
def test_the_layers_and_parameters_are_the_authors(
    name: str, layers: list[Convolution | str], decoder_relu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        net = build(name, 11)
    assert executed(net, monkeypatch) == kinds_of(layers, decoder_relu)
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    table = [layer for layer in layers if not isinstance(layer, str)]
    for layer, (label, before, after, kernel) in zip(convolutions, table, strict=True):
        assert layer.weight.shape == (after, before, kernel, kernel), label
        assert layer.bias.shape == (after,), label
        assert layer.padding == (kernel // 2, kernel // 2), label  # pad: 1, 3, and none for the 1x1
    # a weight and a bias a convolution, and of batch norm a scale and a shift a channel but for the classifier
    expected = sum(after * (before * kernel**2 + 1) for _, before, after, kernel in table)
    expected += sum(2 * after for _, _, after, _ in table[:-1])
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


def test_the_counts_in_figures() -> None:
    """The paper says 14.7 M for the encoder (arXiv:1511.00561); the other two are the tables above, added up."""
    with torch.device("meta"):
        nets = {name: build(name, 11) for name in ("segnet", "segnet_basic")}
    counts = {name: sum(parameter.numel() for parameter in net.parameters()) for name, net in nets.items()}
    assert counts == {"segnet": 29_449_355, "segnet_basic": 1_416_587}
    assert round(sum(parameter.numel() for parameter in nets["segnet"].encoder.parameters()) / 1e6, 1) == 14.7


def test_bayesian_segnet_is_segnet_with_dropout_of_one_half() -> None:
    torch.manual_seed(0)
    bayesian = bayesian_segnet(3, width=1 / 16).eval()
    plain = SegNet(3, width=1 / 16).eval()
    plain.load_state_dict(bayesian.state_dict())
    image = torch.randn(1, 3, 33, 47)
    with torch.no_grad():
        assert torch.equal(bayesian(image), plain(image))
        bayesian.dropout.train()
        assert not torch.equal(bayesian(image), bayesian(image))
    assert bayesian.dropout.p == 0.5


def test_the_memory_of_indices_against_feature_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 360x480, padded to 384x480, in bytes: an int64 index of four values is half of what these are in float32."""
    stored: dict[str, list[int]] = {"features": [], "indices": []}
    pool = segnet.max_pool_with_indices

    def measured(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maxima, indices = pool(features)
        stored["features"].append(features.nbytes)
        stored["indices"].append(indices.nbytes)
        return maxima, indices

    monkeypatch.setattr(segnet, "max_pool_with_indices", measured)
    with torch.device("meta"):
        SegNet(11)(torch.zeros(1, 3, 360, 480))
    pixels = 384 * 480
    assert stored["features"] == [4 * pixels * c // 4**i for i, c in enumerate((64, 128, 256, 512, 512))]
    assert stored["indices"] == [size // 2 for size in stored["features"]]
    two_bits_a_window = sum(stored["indices"]) // 8 * 2 // 8
    assert sum(stored["features"]) == 89_948_160
    assert sum(stored["indices"]) == 44_974_080
    assert two_bits_a_window == 1_405_440


@pytest.mark.parametrize(("kind", "stride"), [(SegNet, 32), (SegNetBasic, 16)])
def test_the_maxima_come_back_where_they_stood(kind: type[SegNet | SegNetBasic], stride: int) -> None:
    """With stages that change nothing each value that wins all poolings returns alone to its place."""
    net = kind(2, 2, width=1 / 16).eval()
    for stages in (net.encoder, net.decoder):
        for i in range(len(stages)):
            stages[i] = nn.Identity()
    net.head = nn.Identity()
    net.normalisation = nn.Identity()
    image = torch.rand(2, 2, 64, 96, generator=torch.Generator().manual_seed(0))

    expected = torch.zeros_like(image)
    for n in range(2):
        for channel in range(2):
            for row in range(0, 64, stride):
                for column in range(0, 96, stride):
                    window = image[n, channel, row : row + stride, column : column + stride]
                    y, x = divmod(int(window.argmax()), stride)
                    expected[n, channel, row + y, column + x] = window.max()
    assert torch.equal(net(image), expected)


@pytest.mark.parametrize(("kind", "padded"), [(SegNet, (64, 96)), (SegNetBasic, (48, 80))])
def test_an_odd_size_equals_the_image_with_zeros_at_its_bottom_and_right(
    kind: type[SegNet | SegNetBasic], padded: tuple[int, int]
) -> None:
    image = torch.zeros(1, 3, *padded)
    image[..., :33, :65] = torch.randn(1, 3, 33, 65, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    net = kind(3, width=1 / 16).eval()
    with torch.no_grad():
        assert torch.equal(net(image[..., :33, :65]), net(image)[..., :33, :65])


def test_response_normalisation_is_the_references_on_the_bytes_of_the_image() -> None:
    """Caffe's LRN: x / (1 + alpha / size * sum of squares over the 5 channels around)^beta; RGB has 3."""
    net = SegNetBasic(2, width=1 / 16)
    image = torch.randint(0, 256, (1, 4, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    pixels = Pipeline(net, net.mean, net.std).normalise(image)
    assert_allclose(pixels, image.permute(0, 3, 1, 2), rtol=1e-6)
    denominator = (1 + 1e-4 / 5 * pixels.double().square().sum(1, keepdim=True)) ** 0.75
    assert 1 < denominator.max() < 3.3
    assert_allclose(net.normalisation(pixels), pixels / denominator, rtol=1e-6)


def test_width_scales_all_channels_but_those_of_image_and_classes() -> None:
    layers = [module for module in SegNet(3, width=0.125).modules() if isinstance(module, nn.Conv2d)]
    published = [layer[2] for layer in SEGNET[:-1] if not isinstance(layer, str)]
    assert [layer.out_channels for layer in layers] == [*(channels // 8 for channels in published), 3]
    assert layers[0].in_channels == 3


def test_vgg16s_weights_become_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """On VGG16's own poolings both give the same features, so every entry went to its place."""
    torch.manual_seed(0)
    vgg = vgg16_bn(init_weights=False).eval()
    for layer in vgg.features:
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean):
                nn.init.normal_(values, std=0.2)
    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: vgg.state_dict())
    encoder = SegNet(2, vgg16_weights=True).eval().encoder
    features = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        expected = vgg.features(features)
        for stage in encoder:
            features = nn.functional.max_pool2d(stage(features), 2)
    assert expected.abs().max() > 0
    assert torch.equal(features, expected)


def test_vgg16s_weights_find_their_layers_whatever_the_order_of_a_file() -> None:
    """`.safetensors` files sort their entries; files of old versions of torch have no counters of batches."""
    encoder = SegNet(2, width=1 / 16).encoder
    wanted = {
        name: torch.randn_like(value) for name, value in encoder.state_dict().items() if value.is_floating_point()
    }
    numbers = [number for number, layer in enumerate(vgg16_bn_layers()) if layer in ("conv", "norm")]
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in wanted))
    theirs = dict(zip(layers, numbers, strict=True))
    renamed = {f"features.{theirs[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": name for name in wanted}
    fill_from_vgg16(encoder, {name: wanted[renamed[name]] for name in sorted(renamed)})
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in encoder.state_dict().items() if name in wanted)


def vgg16_bn_layers() -> list[str]:
    """Return the kinds of torchvision's `vgg16_bn.features`: configuration D of arXiv:1409.1556."""
    return [
        kind for convolutions in (2, 2, 3, 3, 3) for kind in (*(["conv", "norm", "relu"] * convolutions), "maximum")
    ]


def test_vgg16s_weights_fit_vgg16s_size_alone() -> None:
    with pytest.raises(OptionError, match=r"vgg16_weights: found width 0\.5 and 3 channels; expected width 1"):
        build("segnet", 2, width=0.5, options={"vgg16_weights": True})
    with pytest.raises(OptionError, match="found width 1 and 4 channels"), torch.device("meta"):
        build("bayesian_segnet", 2, 4, options={"vgg16_weights": True})
    with pytest.raises(ValueError, match="shorter"):
        fill_from_vgg16(SegNet(2, width=1 / 16).encoder, {"features.0.weight": torch.zeros(1)})


def test_weights_that_cannot_be_had_are_a_missing_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("pixelwise.nn.encoders.torchvision.find_connection_problem", lambda _: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", no_network)
    message = r"vgg16_weights: found no pretrained weights \(URLError\); .* leave vgg16_weights out"
    with torch.device("meta"), pytest.raises(MissingDependencyError, match=message):
        build("segnet", 2, options={"vgg16_weights": True})
