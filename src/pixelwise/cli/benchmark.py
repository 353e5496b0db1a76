"""`pixelwise benchmark`: the speed of a model file on this machine."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.arguments import AsJson, DeviceName, Model

if TYPE_CHECKING:
    from pixelwise.core.device import Device
    from pixelwise.torch_runtime.speed import DeviceSpeed


def benchmark(
    model: Model,
    *,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width of the image.")] = (480, 640),
    device: DeviceName = None,
    as_json: AsJson = False,
) -> None:
    """Time MODEL in every installed engine, on an image of noise in memory. With --device: in the engines that run on
    that device, torch included; the speed of the device itself is measured too."""
    from pixelwise.cli.output import say
    from pixelwise.core.device import Device
    from pixelwise.core.errors import MissingDependencyError, OptionError
    from pixelwise.inference.engine_benchmark import installed_engines, processor_name, time_engine
    from pixelwise.inference.engines.checks import available_cores
    from pixelwise.inference.engines.registry import HALF_ENGINE, TORCH
    from pixelwise.inference.loading import model_path

    if min(size) < 1:
        raise OptionError("--size", f"{size[0]} {size[1]}", "a height and a width of 1 or more", "Give 480 640.")
    path, place = model_path(model), Device.parse(device)
    speed = None if device is None else _measure_device(place)
    engines = [*installed_engines(), *([] if device is None else [TORCH])]
    rows = []
    for engine in [*engines, HALF_ENGINE]:
        with contextlib.suppress(MissingDependencyError, OptionError):  # not every engine runs on every device
            rows.append(time_engine(path, engine, size, place))
    if as_json:
        device_speed = {} if speed is None else {"device": asdict(speed)}
        timings = {"engines": [asdict(row) for row in rows]}
        print(json.dumps({"size": size, "cores": available_cores(), **device_speed, **timings}))
        return
    say(f"{path}, an image of {size[0]}x{size[1]}, {available_cores()} cores of {processor_name()}")
    if speed is not None:
        memory = "" if speed.memory_gib is None else f", {speed.memory_gib:.0f} GiB"
        say(
            f"{speed.name}{memory}: products of matrices {speed.float32_tflops:.3g} TFLOP/s in float32, "
            f"{speed.bfloat16_tflops:.3g} in bfloat16; copies {speed.copy_gb_s:.3g} GB/s"
        )
    print()
    print(f"{'engine':13} {'to open, ms':>12} {'an image, ms':>13} {'megapixels/s':>13}")
    for row in rows:
        pixels = size[0] * size[1] / row.image_ms / 1000
        print(f"{row.engine:13} {row.opening_ms:12.0f} {row.image_ms:13.1f} {pixels:13.2f}")


def _measure_device(device: Device) -> DeviceSpeed:
    from pixelwise.core.extras import require_train_extra

    require_train_extra("--device")
    from pixelwise.torch_runtime.speed import measure_device

    return measure_device(device)
