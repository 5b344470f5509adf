# Everything a developer needs; each target does its own set-up. `make` alone lists the targets.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CNI    ?= kindnet
FAMILY ?= ipv4
IMAGE  ?= cni-probe-agent:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' probe/__init__.py)

# Tests mostly wait for packets that must not come: more workers than cores keep the cores busy. 0: none but pytest itself.
WORKERS ?= 3

# Hundreds of processes would each compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-tools check schema docs faults detection differential bench screenshots image clean e2e e2e-sandbox kind-up kind-load kind-external kind-e2e kind-down

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

$(STAMP): pyproject.toml scripts/setup
	scripts/setup $(VENV)
	@touch $@

demo: $(STAMP) ## run the main job on the embedded cluster: the seed scenarios, on real packets
	$(BIN)/cni-probe run --sandbox scenarios/seeds

test-tools: $(STAMP) ## install what the tests of images, of kind and of the browser need beside Python
	scripts/setup-image
	scripts/setup-browser $(VENV)

test: $(STAMP) ## run all tests; WORKERS=3 at a time
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP) ## lint, types, layers, and that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cni-probe schema --check scenarios/scenario.schema.json
	$(BIN)/cni-probe schema fleet --check scenarios/fleet.schema.json
	$(BIN)/cni-probe schema config --check scenarios/run-config.schema.json
	$(BIN)/cni-probe schema run --check probe/report/run-record.schema.json
	$(BIN)/cni-probe schema matrix --check probe/report/truth-table.schema.json

schema: $(STAMP) ## write the JSON Schemas again
	$(BIN)/cni-probe schema > scenarios/scenario.schema.json.new
	mv scenarios/scenario.schema.json.new scenarios/scenario.schema.json
	$(BIN)/cni-probe schema fleet > scenarios/fleet.schema.json.new
	mv scenarios/fleet.schema.json.new scenarios/fleet.schema.json
	$(BIN)/cni-probe schema config > scenarios/run-config.schema.json.new
	mv scenarios/run-config.schema.json.new scenarios/run-config.schema.json
	$(BIN)/cni-probe schema run > probe/report/run-record.schema.json.new
	mv probe/report/run-record.schema.json.new probe/report/run-record.schema.json
	$(BIN)/cni-probe schema matrix > probe/report/truth-table.schema.json.new
	mv probe/report/truth-table.schema.json.new probe/report/truth-table.schema.json

docs: $(STAMP) ## write the pages that are made from something again
	$(BIN)/python -m tests.scenario.conformance > docs/conformance.md.new
	mv docs/conformance.md.new docs/conformance.md

faults: $(STAMP) ## inject faults into real runs, and print what came of each
	$(BIN)/python -m tests.sandbox.faults

detection: $(STAMP) ## run the conformance suite against every fault (half an hour); also FAULT=except-ignored SHARD=1/4 JOBS=2 STOP_AFTER=0 RESULTS=file MINUTES=10
	@$(BIN)/python -m tests.sandbox.detection $(if $(FAULT),--fault $(FAULT)) $(if $(SHARD),--shard $(SHARD)) \
	    $(if $(JOBS),--jobs $(JOBS)) $(if $(STOP_AFTER),--stop-after $(STOP_AFTER)) $(if $(RESULTS),--results $(RESULTS)) \
	    $(if $(MINUTES),--minutes $(MINUTES)) $(if $(PAGE),--page $(PAGE))

differential: $(STAMP) ## compare oracle and packets on N=5000 random policy sets; also SEED=1 KINDS=mixed FAULT=except-ignored
	@$(BIN)/python -m tests.sandbox.differential $(if $(N),--sets $(N)) $(if $(SEED),--seed $(SEED)) \
	    $(if $(KINDS),--kinds $(KINDS)) $(if $(FAULT),--fault $(FAULT))

bench: $(STAMP) ## print measurements (no test: machines are noisy)
	for bench in tests/bench/bench_*.py; do \
	    echo "== $$bench"; $(BIN)/python -m tests.bench.$$(basename $$bench .py) || exit 1; done

screenshots: $(STAMP) ## draw the pictures of the HTML report in docs/report again, from real runs
	scripts/setup-browser $(VENV)
	CNI_PROBE_SCREENSHOTS=docs/report $(BIN)/pytest tests/report/html/browser/test_pictures.py

image: ## build the agent's image with docker, podman or buildah; PLATFORM=linux/arm64 for another platform
	scripts/image $(IMAGE) $(PLATFORM)

e2e: $(STAMP) ## run the end-to-end tests on the cluster that KUBECONFIG names; IMAGE=... names the agents' image
	CNI_PROBE_E2E=1 IMAGE="$(IMAGE)" $(BIN)/pytest tests/e2e -p no:cacheprovider $(if $(REPORTS),--junitxml=$(REPORTS)/e2e.xml)

e2e-sandbox: $(STAMP) ## the same on an embedded cluster of their own
	+FAMILY=ipv4 scripts/e2e-sandbox

kind-up: ## make a kind cluster; CNI=kindnet|calico|cilium|none, FAMILY=ipv4|dual
	scripts/kind/up $(CNI) $(FAMILY)

kind-load: ## bring the agents' image onto its nodes
	scripts/kind/load $(IMAGE)

kind-external: $(STAMP) ## run agents outside of it, at the seed scenarios' addresses; prints the arguments for `run`
	@scripts/kind/external $(IMAGE)

kind-e2e: $(STAMP) ## run the end-to-end tests on it, endpoints outside included; CNI and FAMILY as it was made with
	kind get kubeconfig --name $${CLUSTER:-cni-probe} > $(VENV)/kind.kubeconfig
	arguments=$$(scripts/kind/external $(IMAGE)) && \
	    KUBECONFIG="$(CURDIR)/$(VENV)/kind.kubeconfig" ENFORCEMENT=$(if $(filter none,$(CNI)),none,yes) FAMILY=$(FAMILY) \
	    E2E_ARGUMENTS="$$arguments" $(MAKE) e2e IMAGE=$(IMAGE)

kind-down: ## remove it
	scripts/kind/down

clean: ## remove what the targets made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
