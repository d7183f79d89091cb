# Everything runs in .venv, which each target makes when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

MELD ?= ../shared/data/meld
RAVDESS ?= ../shared/data/ravdess
RUNS ?= runs
TRAIN := $(BIN)/merits-train

.PHONY: demo test lint bench bundle clean

demo: $(VENV)/.run  ## the live view on the sample conversation (plain lines without a terminal)
	@if [ -t 1 ]; then $(BIN)/merits analyze samples/conversation.flac --pace realtime; \
	else $(BIN)/merits analyze samples/conversation.flac; fi

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/.dev  ## into benchmarks/results/ and the README
	mkdir -p benchmarks/results
	for name in segmentation recognition latency; do \
		$(BIN)/python -m benchmarks.$$name --json benchmarks/results/$$name.json || exit 1; done
	$(BIN)/python -m benchmarks.tables

# The shipped bundle from scratch: about an hour on two cores; goes on where it was when killed.
bundle: $(VENV)/.dev
	$(TRAIN) stage1 --modality text --corpus meld --data $(MELD) --out $(RUNS)/meld-text1
	$(TRAIN) stage1 --modality speech --corpus ravdess --data $(RAVDESS) --out $(RUNS)/ravdess-speech1
	$(TRAIN) stage1 --modality speech --corpus ravdess --data $(RAVDESS) --folds --out $(RUNS)/ravdess-cv
	$(TRAIN) stage2 --modality text --stage1 $(RUNS)/meld-text1 --data $(MELD) --out $(RUNS)/meld-text2
	$(TRAIN) stage2 --modality speech --stage1 $(RUNS)/ravdess-speech1 --data $(MELD) --clips $(RAVDESS) \
		--out $(RUNS)/meld-speech2
	$(TRAIN) stage3 --text $(RUNS)/meld-text2 --speech $(RUNS)/meld-speech2 --data $(MELD) --clips $(RAVDESS) \
		--out $(RUNS)/meld-fusion
	$(TRAIN) export --fusion $(RUNS)/meld-fusion --folds $(RUNS)/ravdess-cv --data $(MELD) \
		--name meld-small --out models/bundles/meld-small

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "MERITS Live needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(PIP) --editable '.[dev]'
	@touch $@
