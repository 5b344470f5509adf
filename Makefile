# Everything a developer needs; each target does its own set-up. `make` alone lists the targets.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
IMAGE  ?= cni-probe-agent:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' probe/__init__.py)

.DEFAULT_GOAL := help
.PHONY: help demo test check schema bench image clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(STAMP): pyproject.toml scripts/setup
	scripts/setup $(VENV)
	@touch $@

demo: $(STAMP) ## run the main job on the embedded cluster: the seed scenarios, on real packets
	$(BIN)/cni-probe run --sandbox scenarios/seeds

test: $(STAMP) ## run all tests
	$(BIN)/pytest

check: $(STAMP) ## lint, types, layers, and that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cni-probe schema --check scenarios/scenario.schema.json
	$(BIN)/cni-probe schema run --check probe/report/run-record.schema.json

schema: $(STAMP) ## write the JSON Schemas again
	$(BIN)/cni-probe schema > scenarios/scenario.schema.json.new
	mv scenarios/scenario.schema.json.new scenarios/scenario.schema.json
	$(BIN)/cni-probe schema run > probe/report/run-record.schema.json.new
	mv probe/report/run-record.schema.json.new probe/report/run-record.schema.json

bench: $(STAMP) ## print measurements (no test: machines are noisy)
	for bench in tests/bench/bench_*.py; do \
	    echo "== $$bench"; $(BIN)/python -m tests.bench.$$(basename $$bench .py) || exit 1; done

image: ## build the agent's image with docker, podman or buildah
	scripts/image $(IMAGE)

clean: ## remove what the targets made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
