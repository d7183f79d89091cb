# Everything runs in .venv, which each target makes when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

DATA ?= ../shared/data
RUNS ?= runs
TRAIN := $(BIN)/merits-train

.PHONY: demo test lint bench clean

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

# Everything below goes on where it was when killed, and answers at once what is already there.

.PHONY: annotations pretrain bundle results guidance tables
ABLATE = $(TRAIN) ablate

annotations: $(VENV)/.dev
	mkdir -p $(RUNS)/annotations
	for corpus in goemotions sst dailydialog; do $(TRAIN) annotate --annotator corpus --labels emotion \
		--corpus $$corpus --data $(DATA)/$$corpus --out $(RUNS)/annotations/$$corpus.jsonl || exit; done

pretrain: annotations
	$(TRAIN) pretrain-text --annotations $(RUNS)/annotations/goemotions.jsonl --annotations $(RUNS)/annotations/sst.jsonl \
		--annotations $(RUNS)/annotations/dailydialog.jsonl --out $(RUNS)/pretrain-text

# The shipped bundle from scratch: words from MELD, sound from RAVDESS.
bundle: pretrain
	$(ABLATE) stages --seeds 1 $(BEST) --corpus meld --data $(DATA)/meld
	$(TRAIN) pretrain-care --corpus ravdess --data $(DATA)/ravdess --text $(RUNS)/pretrain-text --out $(RUNS)/care
	$(TRAIN) stage1 --modality speech --corpus ravdess --data $(DATA)/ravdess --pretrained $(RUNS)/care \
		--out $(RUNS)/ravdess-speech
	$(TRAIN) stage1 --modality speech --corpus ravdess --data $(DATA)/ravdess --folds --out $(RUNS)/ravdess-folds
	$(TRAIN) stage2 --modality speech --stage1 $(RUNS)/ravdess-speech --data $(DATA)/meld --clips $(DATA)/ravdess \
		--out $(RUNS)/meld-ravdess-speech2
	$(TRAIN) stage3 --text $(RUNS)/best/meld/seed1/text2 --speech $(RUNS)/meld-ravdess-speech2 --clips $(DATA)/ravdess \
		--out $(RUNS)/meld-ravdess-fused
	$(TRAIN) export --run $(RUNS)/meld-ravdess-fused --folds $(RUNS)/ravdess-folds --name meld-small --version 2 \
		--out models/bundles/meld-small

BEST = --pretrained $(RUNS)/pretrain-text --out $(RUNS)/best

results: pretrain guidance  ## every number of docs/results.md: some hours on two cores
	for experiment in stages prefix window; do \
		$(ABLATE) $$experiment $(BEST) --corpus meld --data $(DATA)/meld || exit; done
	for corpus in iemocap mosi; do for experiment in stages joint prefix window; do \
		$(ABLATE) $$experiment $(BEST) --corpus $$corpus --data $(DATA)/$$corpus || exit; done; done
	$(ABLATE) sessions --corpus iemocap --data $(DATA)/iemocap --features bigru_att --out $(RUNS)/sessions
	$(MAKE) tables

# How much an annotator's quality matters: people's sentiments of SST, corrupted on purpose.
QUALITIES = 1 0.8 0.6 0.45
guidance: $(VENV)/.dev
	mkdir -p $(RUNS)/annotations
	for quality in $(QUALITIES); do $(TRAIN) annotate --annotator corpus --labels sentiment --corpus sst --data $(DATA)/sst \
		--agreement $$quality --out $(RUNS)/annotations/sentiment-$$quality.jsonl || exit; done
	for corpus in meld iemocap mosi; do $(ABLATE) annotators --corpus $$corpus --data $(DATA)/$$corpus --out $(RUNS)/guidance \
		$(foreach quality,$(QUALITIES),--annotations agreement-$(quality)=$(RUNS)/annotations/sentiment-$(quality).jsonl) || exit; done

tables: $(VENV)/.dev  ## docs/results.md from the runs there are
	$(TRAIN) tables --runs $(RUNS)

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
