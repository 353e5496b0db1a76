"""Measurements and stress tests of the package, from outside: `python -m lab.SUITE --help`.

Measurements: `minutes`, `peers`, `nuclei`, `predict`, `classics`, `front`, `growth`, `resume`, `scan`, `memory`,
`objects`, `studio_latency`, a file each. They share `store` (figures with their origin, in `lab/results`), `schedule`
(trainings at an equal budget), `page` (pages of docs/experiments) and `peer` (other packages, in environments of their
own).

Stress tests: `fuzz` spoils files, `faults` kills and starves commands.

Suites use the library as its users do: they patch nothing.
"""
