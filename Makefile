# Every target works on a clean checkout with Python ≥ 3.11, git and make; `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
UV := uv==0.13.9

# For `make demo`: SEED=7 tells another story, OUTPUT=folder leaves it elsewhere than in demo/.
SEED :=
OUTPUT :=
# For `make test`: ARGS are pytest's, such as ARGS="tests/core -k regression"; JOBS processes run the tests.
ARGS :=
JOBS := auto
# For `make lock`: UPGRADE=--upgrade takes the newest versions of everything.
UPGRADE :=
# For `make chaos`: KINDS of fault that each call meets, drawn from the SEED (default: every kind), and PAIRS at each step.
KINDS :=
PAIRS := 5
# For `make bench`: ONLY those of tests/benchmarks, such as ONLY="start_up decisions" (default: all).
ONLY :=
# And EXAMPLES of what people, metrics and ticks may do, of forty steps each.
EXAMPLES := 500

# The command starts in a fraction of the time with its bytecode kept, and some systems switch that off.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.runtime ## Carries a rollout from 10 % to 100 %, with one rollback; leaves it all in demo/
	@$(BIN)/rollout-bot demo guardian $(if $(OUTPUT),--output '$(OUTPUT)') $(if $(SEED),--seed '$(SEED)')

.PHONY: example
example: $(VENV)/.dev ## Runs a service, Prometheus and the bot together, from 10 % to 100 % in half a minute; leaves rehearsal/
	@rm -rf rehearsal
	@$(BIN)/python docs/examples/rehearsal.py --prometheus "$$($(BIN)/python tests/support/debian.py prometheus prometheus)"

.PHONY: test
test: $(VENV)/.dev ## Runs every test and checks that they cover the package
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n $(JOBS) --maxprocesses=8 --dist worksteal $(ARGS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report $(if $(ARGS),,--fail-under=95)

.PHONY: lint style types imports locks scripts
lint: style types imports locks scripts ## Checks style, types, who imports whom, and that the locks are current

style: $(VENV)/.dev
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy tools/bench.py tools/locks.py tools/release.py

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

locks: $(VENV)/.dev
	$(BIN)/python tools/locks.py

scripts:
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run tools/venv; else echo "shellcheck is not installed: skipped"; fi

.PHONY: format
format: $(VENV)/.dev ## Rewrites the code in the style of the house
	$(BIN)/ruff check -q --fix .
	$(BIN)/ruff format -q .

.PHONY: bench
bench: $(VENV)/.dev ## Runs the benchmarks one by one, and fails if any goal is missed
	@$(BIN)/python tools/bench.py $(ONLY)

.PHONY: chaos
chaos: $(VENV)/.dev ## Breaks every call of whole life cycles in turn, and tells what the bot survives
	@$(BIN)/python tests/chaos/chaos.py --seed $(or $(SEED),1) --pairs $(PAIRS) $(if $(KINDS),--kinds $(KINDS)) $(if $(OUTPUT),--write '$(OUTPUT)')
	@CHAOS_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -n $(JOBS) tests/properties/test_rollout_machine.py

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Throws many more inputs at every parser than the tests do
	@BOUNDS=whole $(BIN)/pytest -q -n $(JOBS) --hypothesis-profile=fuzz tests/test_hostile_input.py \
		tests/test_hostile_adapters.py tests/test_resource_bounds.py tests/files/test_files_fuzz.py \
		tests/metrics/test_prometheus_answers.py tests/metrics/test_metrics_fuzz.py tests/metrics/test_recording.py \
		tests/metrics/test_web.py tests/forge/test_github_reading.py tests/forge/test_local_records.py \
		tests/github/test_github_answers.py tests/network/test_reach.py tests/network/test_values.py

.PHONY: lock
lock: .cache/uv/.installed ## Writes the locks anew from pyproject.toml
	$(call compile,dev,--group dev)
	$(call compile,runtime,--group build --constraints requirements/dev.txt)

.PHONY: audit
audit: $(VENV)/.dev ## Asks PyPI for known weaknesses of what a user installs; what it does not know fails, too
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements/runtime.txt

.PHONY: dist
dist: $(VENV)/.dev ## Builds what a release consists of: packages and bill of materials
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist/packages
	@$(BIN)/cyclonedx-py requirements requirements/runtime.txt --output-reproducible -o dist/rollout-bot.cdx.json

.PHONY: clean
clean: ## Removes all that the other targets made, environment and downloads included
	rm -rf $(VENV) .cache .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache demo dist rehearsal
	find rollout_bot tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment for all targets; the stamps say which requirements are in it.
$(VENV)/.%: requirements/%.txt pyproject.toml
	@tools/venv $(VENV)
	@echo "Installing $< into $(VENV)"
	@# The lock is whole; pip's own resolver would stumble over the extras that a locked package asks for.
	@$(PIP) install --require-hashes --no-deps -r $<
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.cache/uv/.installed: Makefile
	@tools/venv .cache/uv
	@.cache/uv/bin/python -m pip --disable-pip-version-check -q install '$(UV)'
	@touch $@

compile = .cache/uv/bin/uv pip compile -q pyproject.toml $(2) -o requirements/$(1).txt --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command 'make lock' $(UPGRADE)
