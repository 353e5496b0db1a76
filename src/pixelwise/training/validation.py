"""The score of a model in training on the validation images, which are divided among the processes of a run."""

from __future__ import annotations

from accelerate import Accelerator
from accelerate.utils import gather_object

from pixelwise.inference.predictor import Predictor
from pixelwise.tasks import TASKS
from pixelwise.tasks.base import Scorer
from pixelwise.training.posthoc.cross_fitting import merge_scorers
from pixelwise.training.samples import SampleStore


def validation_score(predictor: Predictor, store: SampleStore, accelerator: Accelerator) -> float | None:
    """Return the `measure` of the model's task, in 0..1; `None` if there is nothing to score."""
    info = predictor.info
    task = TASKS[info.task]
    scorer = task.scorer(info, only_measure=True)
    for index in range(accelerator.process_index, len(store), accelerator.num_processes):
        sample = store[index]
        scorer.update(predictor.predict(sample.image), sample, store.items[index])
    scorers: list[Scorer] = gather_object([scorer])
    score: float | None = merge_scorers(scorers).scores().to_json_dict()[task.measure]
    return score
