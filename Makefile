# `make help` lists the targets. Each target creates the environment it needs; it takes any python3 from 3.11.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test faults check lint types mapping template build release readers readers-write splunk-addon
.PHONY: golden mutation browser matrix site spark bench lock

PYTHON = $(or $(shell build_tools/find-python),$(error No Python to work with, see above))
VENV := .venv/bin
SAM := .venv-sam/bin
LINT := .venv-lint/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/ready ## Run the pipeline against an emulated AWS (moto) and show what a SIEM receives
	@$(VENV)/python -m demo

# One process for each core; the tests of one group share what is expensive to set up.
test: .venv/ready ## Run the tests
	@$(VENV)/python -m pytest --numprocesses=logical --dist=loadgroup

faults: .venv/ready ## Run 640 schedules of injected faults, other than those of the tests
	$(VENV)/python -m tests.fault_injection --first 1000 --schedules 640 --events 2000

mutation: .venv-mutation/ready ## Change the product in 400 places, one at a time, and see whether a test fails
	.venv-mutation/bin/python -m build_tools.mutation

check: lint types mapping template build readers test ## Run everything that CI runs, the tests last

lint: .venv/ready ## Check style and formatting
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

types: .venv/ready ## Check types
	$(VENV)/mypy

mapping: .venv/ready ## Check the mapping, and that the files generated from it are up to date
	$(VENV)/python -m enricher validate
	$(VENV)/python -m enricher coverage --check README.md
	$(VENV)/python -m enricher golden --check
	$(VENV)/python -m enricher evidence --check
	$(VENV)/python -m tests.mapping.agreement --check

template: .venv/ready .venv-sam/ready .venv-lint/ready ## Check the SAM template, and what it expands to
	$(SAM)/cfn-lint --include-checks I -- template.yaml
	SAM_CLI_TELEMETRY=0 $(SAM)/sam validate --lint
	$(VENV)/python -m build_tools.sam_template .build/template
	$(SAM)/cfn-lint --include-checks I -- .build/template/expanded.json
	$(LINT)/checkov --file .build/template/all-routes-on.json --framework cloudformation --quiet --compact \
		--skip-download

build: .venv/ready .venv-sam/ready ## Build the artifact with SAM and run one event through it
	SAM_CLI_TELEMETRY=0 $(SAM)/sam build
	$(VENV)/python -m tests.artifact.smoke .aws-sam/build/*Function

release: build ## Make the release files in dist/release from the built artifact, for those who may not use SAM
	$(VENV)/python -m build_tools.release $(SAM)/cyclonedx-py

browser: .venv-browser/ready ## Test the pages in the system's Chromium; screenshots in .build/screenshots
	.venv-browser/bin/python -m pytest tests/browser

readers: .venv-readers/ready tests/readers/node_modules/.ready ## Read the output with real readers: Arrow, DuckDB, ClickHouse, Sigma, Kusto, Splunk
	@.venv-readers/bin/python -m tests.readers --check docs/formats.md

readers-write: .venv-readers/ready tests/readers/node_modules/.ready ## Write what make readers generates: queries, templates, table
	@.venv-readers/bin/python -m tests.readers --write docs/formats.md

splunk-addon: ## Build the Splunk add-on with its lookup in .build/splunk
	@rm -rf .build/splunk
	@$(PYTHON) siem/splunk/build_addon.py .build/splunk

site: .venv-site/ready ## Build the documentation site in .build/site/html and check its links
	.venv-site/bin/python build_tools/site.py .build/site
	cd .build/site && ../../.venv-site/bin/zensical build --strict
	.venv-site/bin/python build_tools/site.py --check .build/site/html
	.venv-site/bin/lychee --offline --quiet --no-progress --include-fragments --root-dir $(CURDIR)/.build/site/html '.build/site/html/**/*.html'

matrix: .venv/ready ## Write the ATT&CK matrix as a page, .build/matrix.html
	$(VENV)/python -m enricher matrix --html .build/matrix.html

bench: .venv/ready .venv-bench/ready ## Print what a finding costs, beside an earlier commit and other tools
	$(VENV)/python -m bench

spark: .venv/ready .venv-spark4/ready .venv-spark3/ready ## Run the Spark job under a local master, with both releases (needs Java 17)
	@rm -rf .build/wheel && $(VENV)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w .build/wheel .
	.venv-spark4/bin/python examples/spark/check.py .build/wheel/*.whl
	.venv-spark3/bin/python examples/spark/check.py .build/wheel/*.whl

golden: .venv/ready ## Regenerate the golden files and the evidence reference from the mapping
	$(VENV)/python -m enricher golden
	$(VENV)/python -m enricher evidence

lock: .venv-sam/ready ## Lock the dependencies listed in pyproject.toml, with hashes
	build_tools/lock $(SAM)/uv

.venv/ready: requirements-dev.txt
	$(PYTHON) -m venv --clear .venv
	$(VENV)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-browser/ready: requirements-browser.txt tests/browser/package-lock.json
	$(PYTHON) -m venv --clear .venv-browser
	.venv-browser/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.venv-mutation/ready: requirements-mutation.txt
	$(PYTHON) -m venv --clear .venv-mutation
	.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-spark4/ready .venv-spark3/ready: .venv-spark%/ready: requirements-spark%.txt
	$(PYTHON) -m venv --clear .venv-spark$*
	.venv-spark$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-bench/ready: requirements-bench.txt
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-site/ready: requirements-site.txt
	$(PYTHON) -m venv --clear .venv-site
	.venv-site/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-sam/ready: requirements-sam.txt
	$(PYTHON) -m venv --clear .venv-sam
	$(SAM)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-lint/ready: requirements-lint.txt
	$(PYTHON) -m venv --clear .venv-lint
	$(LINT)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

.venv-readers/ready: requirements-readers.txt
	$(PYTHON) -m venv --clear .venv-readers
	.venv-readers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

tests/readers/node_modules/.ready: tests/readers/package-lock.json
	@command -v npm >/dev/null || { echo "make readers needs node and npm (Node.js 20 or later)" >&2; exit 1; }
	npm ci --silent --prefix tests/readers
	@touch $@

# `sam build` runs one target per function; all functions share the same artifact.
build-SiemFunction build-SecurityHubFunction build-NotificationFunction build-DriftWatchFunction:
	@python=$$(build_tools/find-python --exact) && "$$python" build_tools/artifact.py "$(ARTIFACTS_DIR)"
