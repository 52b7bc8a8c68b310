# Every target sets up what it needs: `make quickstart` and `make test` run on a fresh machine.
SHELL := /bin/bash
PYTHON := .venv/bin/python
EXTRAS ?= dicom,onnx,dev
SEED ?= 0
OUT ?= runs/quickstart

.PHONY: install quickstart test fast lint

install: .venv/installed

# Stamped, so that a second call does nothing until the requirements change. The quickstart needs no extras.
.venv/installed: .venv/installed-core
	.venv/bin/pip install --quiet --editable '.[$(EXTRAS)]' && touch $@

.venv/installed-core: setup.py
	@python=$$(for candidate in $(PYTHON_FOR_VENV) python3.11 python3.10 python3.9 python3; do \
	  "$$candidate" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null && echo "$$candidate" && break; \
	done); \
	if [ -z "$$python" ]; then \
	  echo "error: found no Python 3.9, 3.10 or 3.11 on PATH (tensorflow-addons runs on these alone); install one, or name it by PYTHON_FOR_VENV=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "installing into .venv with $$("$$python" --version)"; \
	"$$python" -m venv --clear .venv && .venv/bin/pip install --quiet --editable . && touch $@

# Phantom patients → store → one stage 1 → full, partial and PaNN → unseen patients → predictions, SavedModel, table.
# Two runs at a time with a thread each use two cores better than one run with two threads.
TRAIN = $(PYTHON) -m deeplab_panns.train --flagfile=experiments/quickstart.flags --data_dir=$(OUT)/store --fold=0 --seed=$(SEED)
EVALUATE = $(PYTHON) -m deeplab_panns.evaluate --split=test

quickstart: .venv/installed-core
	$(PYTHON) -m data.phantom --output_dir=$(OUT)/raw --labeled_cases=3 --partial_cases=18 --test_cases=10 --seed=$(SEED)
	$(PYTHON) -m data.prepare --manifest=$(OUT)/raw/dataset.json --output_dir=$(OUT)/store
	$(TRAIN) --run_dir=$(OUT)/full --supervision=full --threads=2
	$(MAKE) --no-print-directory -j2 train-partial train-panns
	$(EVALUATE) --run_dir=$(OUT)/full
	$(EVALUATE) --run_dir=$(OUT)/partial
	$(EVALUATE) --run_dir=$(OUT)/panns
	rm -rf $(OUT)/saved_model
	$(PYTHON) -m deeplab_panns.export --run_dir=$(OUT)/panns --output_dir=$(OUT)/saved_model
	$(PYTHON) -m deeplab_panns.predict --run_dir=$(OUT)/panns --input=$(OUT)/raw/images/test_000.nii.gz --output_dir=$(OUT)/predictions
	$(PYTHON) -m deeplab_panns.report --run_dirs=$(OUT)/full,$(OUT)/partial,$(OUT)/panns --output_dir=$(OUT)/report
	@echo "predictions: $(OUT)/predictions   SavedModel: $(OUT)/saved_model   TensorBoard: .venv/bin/tensorboard --logdir=$(OUT)"

train-%:
	$(TRAIN) --run_dir=$(OUT)/$* --supervision=$* --stage1_run=$(OUT)/full --threads=1

test: install
	$(PYTHON) -m pytest -q

fast: install
	$(PYTHON) -m pytest -q -m 'not slow'

lint: install
	.venv/bin/ruff check . && .venv/bin/mypy
