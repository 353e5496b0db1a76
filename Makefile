# Two commands: `make demo` tells the whole story, `make test` checks everything. Both set themselves up in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch's plain wheels for Linux carry CUDA; any wheel that meets constraints.txt serves.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/.train
	rm -rf demo
	$(BIN)/pixelwise demo --out demo

test: $(VENV)/.dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.train: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[train]"
	touch $@

$(VENV)/.dev: $(VENV)/.train
	$(PIP) --editable ".[train,dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist demo
