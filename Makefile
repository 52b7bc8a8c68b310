# Every target sets up what it needs: `make quickstart` and `make test` run on a fresh machine.
SHELL := /bin/bash
PYTHON := .venv/bin/python
EXTRAS ?= dicom,onnx,dev
SEED ?= 0
OUT ?= runs/quickstart

.PHONY: install quickstart quickstart3d test fast lint bench study format saved-model predictions

install: .venv/installed

# Stamped, so that a second call does nothing until the requirements change or PYTHON_FOR_VENV names another Python; a
# Python that is named is taken or refused, never replaced.
# The quickstart needs no extras.
.venv/installed: .venv/installed-core
	.venv/bin/pip install --quiet --editable '.[$(EXTRAS)]' && touch $@

VERSION := -c 'import sys; print(sys.version_info[:2])'
ifdef PYTHON_FOR_VENV
ifneq ($(shell $(PYTHON_FOR_VENV) $(VERSION) 2>&1),$(shell $(PYTHON) $(VERSION) 2>/dev/null))
OTHER_PYTHON := other-python
endif
endif
.PHONY: other-python
other-python:

.venv/installed-core: setup.py $(OTHER_PYTHON)
	@python=$$(for candidate in $(or $(PYTHON_FOR_VENV),python3.11 python3.10 python3.9 python3 python3.12 python3.13); do \
	  "$$candidate" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$candidate" && break; \
	done); \
	if [ -z "$$python" ]; then \
	  echo "error: $(if $(PYTHON_FOR_VENV),PYTHON_FOR_VENV=$(PYTHON_FOR_VENV) is no Python 3.9 to 3.13 that runs here;,found no Python 3.9 to 3.13 on PATH; install one or) name it by its path$(comma) PYTHON_FOR_VENV=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "installing into .venv with $$("$$python" --version)"; \
	if [ "$$("$$python" $(VERSION))" != "$$($(PYTHON) $(VERSION) 2>/dev/null)" ]; then "$$python" -m venv --clear .venv; fi && \
	.venv/bin/pip install --quiet --editable . && touch $@

# Phantom patients → store → one stage 1 → the modes from it → unseen patients → predictions, SavedModel, table.
# Two runs at a time with a thread each use two cores better than one run with two threads.
TRAIN = $(PYTHON) -m deeplab_panns.train --flagfile=experiments/$(FLAGS) --data_dir=$(OUT)/store --fold=0 --seed=$(SEED)
AT_ONCE = $(MAKE) --no-print-directory -j2 OUT=$(OUT) FLAGS=$(FLAGS)

quickstart: FLAGS = quickstart.flags
quickstart: MODES = full partial panns best
quickstart3d: FLAGS = quickstart3d.flags
quickstart3d: OUT = runs/quickstart3d
quickstart3d: MODES = full panns best
quickstart3d: SPACING = --spacing_mm=6

quickstart quickstart3d: .venv/installed-core
	$(PYTHON) -m data.phantom --output_dir=$(OUT)/raw --labeled_cases=3 --partial_cases=18 --test_cases=10 --seed=$(SEED)
	$(PYTHON) -m data.prepare --manifest=$(OUT)/raw/dataset.json --output_dir=$(OUT)/store $(SPACING)
	$(TRAIN) --run_dir=$(OUT)/stage1 --supervision=full --stage2_steps=0 --threads=1 --inter_op_threads=2
	$(AT_ONCE) $(MODES:%=train-%)
	$(AT_ONCE) $(MODES:%=evaluate-%) saved-model predictions
	$(PYTHON) -m deeplab_panns.report --run_dirs=$(subst $(space),$(comma),$(MODES:%=$(OUT)/%)) --output_dir=$(OUT)/report
	@echo "predictions: $(OUT)/predictions   SavedModel: $(OUT)/saved_model   TensorBoard: .venv/bin/tensorboard --logdir=$(OUT)"

comma := ,
space := $(subst ,, )

train-%:
	$(TRAIN) --run_dir=$(OUT)/$* --supervision=$* --stage1_run=$(OUT)/stage1 --threads=1

# experiments/best.flags' way with partial cases, on the quickstart's schedule and stage 1
train-best:
	$(TRAIN) --run_dir=$(OUT)/best --supervision=panns --pseudo_labels=aligned --anchored_prior --atlas_weight=0.5 --dual_floor=mean --stage1_run=$(OUT)/stage1 --threads=1

evaluate-%:
	$(PYTHON) -m deeplab_panns.evaluate --split=test --run_dir=$(OUT)/$*

saved-model:
	rm -rf $(OUT)/saved_model
	$(PYTHON) -m deeplab_panns.export --run_dir=$(OUT)/panns --output_dir=$(OUT)/saved_model

predictions:
	$(PYTHON) -m deeplab_panns.predict --run_dir=$(OUT)/panns --input=$(OUT)/raw/images/test_000.nii.gz --output_dir=$(OUT)/predictions

# Bytecode is kept whatever the shell says: pytest would rewrite all assertions anew, ten seconds of each worker.
PYTEST = PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -q -n 2 --dist worksteal

test: install
	$(PYTEST)

fast: install
	$(PYTEST) -m "not slow"

# Each part of the study is a command of its own and goes on where it was stopped (experiments/README.md says what each costs).
# anatomy needs a real scan: PANN_REAL_CT names the folder of its dataset.json.
PARTS ?= slices volumes beyond fields anatomy
study: install
	failed=; for part in $(PARTS); do $(PYTHON) -m deeplab_panns.study --part=$$part || failed="$$failed $$part"; done; \
	if [ -n "$$failed" ]; then echo "error: not finished:$$failed (what is done is kept; run it again)" >&2; exit 1; fi

bench: install
	$(PYTHON) -m deeplab_panns.benchmark --what=deeplab_step,panns_overhead --stem=plain
	$(PYTHON) -m deeplab_panns.benchmark --what=unet_step --batch=2
	$(PYTHON) -m deeplab_panns.benchmark --what=sliding_window,metrics,pipeline2d,pipeline3d

lint: install
	.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check . && .venv/bin/mypy

format: install
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .
