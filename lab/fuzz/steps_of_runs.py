"""What is done with a run directory: everything that reads one, up to before the first step of a training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from lab.fuzz.models import DATA
from lab.fuzz.steps import Step, capture_output, check_reply, step


class ReachedError(Exception):
    """A training was about to take its first step."""


def steps_of_run(rng: Random, root: Path, out: Path, made: Path) -> Iterator[Step]:
    """Yield one of what reads a run: going on with it, repeating it, starting from it, looking at it, exporting it."""
    data, way = made / DATA, rng.random()
    if way < 0.4:
        yield f"train {data} --out {root} --resume", partial(_plan, data, root, resume=True)
    elif way < 0.5:
        config = root / "config.yaml"
        yield f"train {data} --out {out / 'r'} --config {config}", partial(_plan, data, out / "r", config=config)
    elif way < 0.6:
        net = {"model": "segnet_basic", "width": 0.05, "epochs": 1}
        plan = partial(_plan, data, out / "r", start_from=root, **net)
        yield f"train {data} --out {out / 'r'} --from {root} --model segnet_basic --width 0.05 --epochs 1", plan
    elif way < 0.75:
        yield step("inspect", root, "--json")
    elif way < 0.85:
        yield f"export {root} --out x.onnx", partial(_read_for_export, root)
    elif way < 0.93:
        yield step("evaluate", root, data, "--split", "test", "--json")
    else:
        yield step("predict", root, data / "test" / "images", "--out", out / "p")


def _plan(data: Path, out: Path, **options: object) -> None:
    """Run a training up to its first step."""
    check_reply(capture_output(partial(_train_until_first_step, data, out, options)), "train")


def _train_until_first_step(data: Path, out: Path, options: dict[str, object]) -> None:
    from pixelwise.training.callbacks import Callback
    from pixelwise.training.run import train

    class Stop(Callback):
        def on_start(self, step: int, steps: int) -> None:
            raise ReachedError

    try:
        train(data, out=out, callbacks=[Stop()], **options)  # type: ignore[arg-type]
    except ReachedError:
        return


def _read_for_export(root: Path) -> None:
    """Read what an export reads of a run. The tracing of its net takes seconds and knows nothing of the run's files."""
    from pixelwise.training.weights import load_run, model_info

    pipeline, config = load_run(root)
    model_info(config, pipeline)
