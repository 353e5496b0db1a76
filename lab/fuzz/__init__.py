"""Files that are wrong in every way: what pixelwise reads, mutated at random, must end in a result or a typed error.

    python -m lab.fuzz --inputs 100000 --seed 0 --out fuzz --workers 2
    python -m lab.fuzz --inputs 500 --kind coco --out fuzz
    python -m lab.fuzz --repeat coco 0 17

An input is a function of (kind, seed, index) alone: a valid set of files (`seeds`), of which a few are changed. It is
run in a long-lived worker process (`worker`) under a limit of time and memory, which the parent (`supervisor`) watches.
A fault is a traceback, a hang, too much memory, a crash, output that is no JSON or holds control characters, and an
image that `check` finds right and reading refuses. `report.md` and `report.json` in --out name each fault once, with
the command that repeats it. The exit code is 1 where there is one.
"""
