"""What minutes of training are worth on CamVid: test mIoU of every seed and their median.

    python -m lab.minutes CAMVID OUT [--minutes 3 10 30] [--seeds 0 1 2]

Each training has all cores to itself. Its minutes are of wall time, from the start of the command to its report. A
finished one is not repeated, so the command can be stopped and given again. Writes docs/experiments/minutes.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.page import format_page, format_table
from lab.schedule import Training, format_figures, measure_training, train_and_evaluate
from lab.store import Places, Store, make_origin, start_suite

TEXT = """\
The default model on CamVid at 360x480, trained on its 367 training images and scored on its 233 test images. Minutes
are wall time, from the start of the command to its report. Figures are medians over the seeds."""
HEAD = ("minutes", "test mIoU", "boundary F1", "val mIoU", "test mIoU of each seed", "ms an image in training")


def format_row(minutes: str, seeds: Sequence[dict[str, Any]]) -> list[str]:
    """Return a row of the table."""
    return [minutes, *format_figures(seeds)]


def make_page(store: Store) -> str:
    """Return the page. An entry is called `MINUTES minutes, seed SEED`."""
    lengths = sorted({name.partition(" ")[0] for name in store}, key=float)
    rows = [[store[name] for name in store if name.partition(" ")[0] == length] for length in lengths]
    table = format_table(HEAD, map(format_row, lengths, rows))
    return format_page("CamVid by minutes", store, [TEXT, table])


def main(
    arguments: Sequence[str] | None = None, places: Places = Places(), train: Training = train_and_evaluate
) -> None:
    """Run the suite."""
    words, parser = start_suite("minutes", __doc__, arguments)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 10.0, 30.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args(words)
    if not args.camvid.is_dir():
        parser.error(f"{args.camvid}: no such directory; give CamVid as SegNet's authors distribute it")
    store, origin = Store("minutes", places), make_origin("minutes", words, args)
    for minutes in args.minutes:
        for seed in args.seeds:
            run = args.out / f"{minutes:g}-minutes-seed-{seed}"
            figures = measure_training(args.camvid, run, minutes, seed, train)
            store.add(f"{minutes:g} minutes, seed {seed}", figures, origin)
    page = make_page(store)
    (places.pages / "minutes.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
