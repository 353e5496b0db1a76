# Two commands: `make demo` tells the whole story, `make test` checks everything. Both set themselves up in .venv.

PYTHON ?= python3
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
MAKE_VENV := test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
# PyTorch's plain wheels for Linux carry CUDA; any wheel that meets constraints.txt serves.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# A process a core, each on one thread: the tests' tensors are small. In the order of their names, since the files with
# few tests are the long ones: last, they would leave the other cores idle.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all lint docs docs-serve dist test-dist clean

demo: $(VENV)/.train
	rm -rf demo
	$(BIN)/pixelwise demo --out demo

test: $(VENV)/.dev lint
	$(PYTEST)

# With the slow tests too, which guard what changes seldom.
test-all: $(VENV)/.dev lint
	$(PYTEST) -m ""

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in site/: open site/index.html.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-serve: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m hatchling build

# What a user installs: the wheel from the sdist, in an environment of its own, and the demo from there.
test-dist: dist
	rm -rf build/dist
	$(PYTHON) -m venv build/dist/venv
	build/dist/venv/$(SCRIPTS)/python -m pip install --quiet --constraint constraints.txt "$$(ls dist/*.tar.gz)[train]"
	cd build/dist && venv/$(SCRIPTS)/pixelwise demo --out demo --minutes 0.5 && venv/$(SCRIPTS)/pixelwise check demo/data

$(VENV)/.train: pyproject.toml constraints.txt
	$(MAKE_VENV)
	$(PIP) --editable ".[train]"
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	$(MAKE_VENV)
	$(PIP) --editable ".[train,geo,openvino,studio,docs,dev]"
	touch $(VENV)/.train $@

clean:
	rm -rf $(VENV) build dist demo site
