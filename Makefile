# Plain make and POSIX shell, GNU make 3.81 (macOS) included. `make` alone lists what there is.
PYTHON ?= python3
UV ?= uv
# Each starts servers, a PostgreSQL and a Spark of its own.
PYTEST_PROCESSES ?= 2

VENV := .venv
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
export BENTOML_DO_NOT_TRACK := True
# Some hundred processes import the same libraries: each would compile them again.
unexport PYTHONDONTWRITEBYTECODE

# With -qq pip prints errors alone. The locks are whole: pip need not look for what is missing, and where a dependency
# asks for an extra it would look for a version of its own. Python compiles what is imported, little of what is there.
PIP_INSTALL := $(VENV)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-compile
INSTALL_AVAL := $(PIP_INSTALL) --no-build-isolation -e .

COMPILE := $(UV) pip compile --universal --fork-strategy fewest --python-version 3.11 \
	--no-header --no-annotate --quiet
COMPILE_AVAL := $(COMPILE) pyproject.toml --generate-hashes

.DEFAULT_GOAL := help
.PHONY: help demo test check serve image up down delivery load load-compose smoke push plan deploy settings conda lock clean
.NOTPARALLEL:

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s%s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.ready-demo ## set up, then train, calibrate, register, score a file, serve and decide one record with its reasons
	@$(IN_VENV) bash tests/e2e/demo.sh

test: check ## set up, then everything that CI runs; PYTEST_ARGS="-k contract" goes to pytest
	@echo "== pytest: tests, in $(PYTEST_PROCESSES) processes"
	@$(IN_VENV) pytest -n $(PYTEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(VENV)/.ready-test ## the part of it that runs no code: lint, layout, types and import rules
	@echo "== ruff check: errors and style"
	@$(IN_VENV) ruff check .
	@echo "== ruff format: layout"
	@$(IN_VENV) ruff format --check .
	@echo "== mypy: types"
	@$(IN_VENV) mypy
	@echo "== lint-imports: who may import whom"
	@$(IN_VENV) lint-imports --no-logo

serve: $(VENV)/.ready-demo ## serve the use case named by AVAL_MODEL (without it, the store's only champion)
	@$(IN_VENV) bentoml serve service.app:RiskService

load: $(VENV)/.ready-test ## a load test of the service at HOST, or of one that it serves itself; KEY_FILE=file STAGE=staging DATA=file REPORT=folder
	@$(IN_VENV) python -m tests.load $(if $(HOST),--host "$(HOST)") $(if $(KEY_FILE),--key-file "$(KEY_FILE)") $(if $(STAGE),--stage "$(STAGE)") \
		$(if $(USE_CASE),--use-case "$(USE_CASE)") $(if $(DATA),--data "$(DATA)") $(if $(REPORT),--report "$(REPORT)") $(LOAD_ARGS)

load-compose: ## the same of what `make up` has started
	@$(MAKE) --no-print-directory load STAGE=compose HOST="$(or $(HOST),http://127.0.0.1:8080)" KEY_FILE=infra/compose/secrets/caller.key

smoke: ## ask the deployment at URL (or the serving image IMAGE) for one decision; KEY_FILE=file MODEL=credit_risk:VERSION WITHIN=seconds
	@$(if $(IMAGE),bash infra/image/with.sh "$(IMAGE)") $(PYTHON) tests/e2e/smoke.py "$(if $(IMAGE),{},$(URL))" $(if $(KEY_FILE),--key-file "$(KEY_FILE)") $(if $(MODEL),--model "$(MODEL)") \
		$(if $(WITHIN),--within "$(WITHIN)")

push: ## push the local image IMAGE to REPOSITORY, and print what it is there by digest
	@bash infra/image/push.sh "$(IMAGE)" "$(REPOSITORY)"

plan: ## print what Terraform would change in ENVIRONMENT, with the images in the JSON file IMAGES and else those that run
	@bash infra/deploy.sh plan "$(ENVIRONMENT)" "$(IMAGES)"

deploy: ## apply it (nothing else than the printed PLAN), ask every service for a decision, and go back where one gives none; KEY_FILE=file PLAN=file
	@bash infra/deploy.sh apply "$(ENVIRONMENT)" "$(IMAGES)" "$(KEY_FILE)" "$(WITHIN)" "$(PLAN)"

settings: $(VENV)/.ready-demo ## rewrite service/SETTINGS.md from service/settings.py
	@$(VENV)/bin/python infra/operations/settings_page.py

conda: $(VENV)/.ready-demo ## rewrite infra/environment.yml from requirements-train.lock
	@$(VENV)/bin/python infra/operations/conda.py

image: $(VENV)/.ready-demo ## build, run and check the images of USE_CASE, of RELEASE (folder or s3://...) or of generated records
	@$(IN_VENV) python -m infra.image.make $(USE_CASE) $(if $(RELEASE),--release "$(RELEASE)") $(IMAGE_ARGS)

up: $(VENV)/.ready-demo ## everything on this machine: USE_CASE's two replicas behind nginx, PostgreSQL, MLflow, a first model; PROFILES=watch
	@$(IN_VENV) USE_CASE="$(USE_CASE)" COMPOSE_FILE="$(COMPOSE_FILE)" bash infra/compose/up.sh $(PROFILES)

down: ## stop what `make up` started; DOWN_ARGS=-v also deletes its models, decisions and figures
	@bash infra/compose/compose.sh --profile jobs --profile watch down $(DOWN_ARGS)

delivery: $(VENV)/.ready-test ## images, registry, a decision, a file, two replicas of which one is killed under load: all real, and gone afterwards
	@$(IN_VENV) bash tests/e2e/delivery.sh

lock: ## rewrite the three hashed locks, and those of tools that the tests install; needs uv; LOCK_ARGS=--upgrade takes newer versions
	$(COMPILE_AVAL) $(LOCK_ARGS) --group build --extra train --extra evidently --extra spark --extra dev -o requirements.lock
	$(COMPILE_AVAL) $(LOCK_ARGS) --group build --extra train -c requirements.lock -o requirements-train.lock
	$(COMPILE_AVAL) $(LOCK_ARGS) -c requirements.lock -o requirements-image.lock
	for tool in airflow checkov workflows; do \
		$(COMPILE) $(LOCK_ARGS) tests/infra/tools/$$tool.in -o tests/infra/tools/$$tool.txt || exit 1; \
	done

clean: ## remove the environment, caches and builds; models and decisions (.aval) stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Aval needs Python 3.11 or newer, which $(PYTHON) is not. Name another: make PYTHON=python3.12 ..." >&2; \
		exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The locks agree, so that what serves `test` serves `demo` too, and neither takes anything away from the other.
$(VENV)/.ready-demo: requirements-train.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what training and serving need into $(VENV) (once; a minute or two)"
	@$(PIP_INSTALL) --require-hashes -r requirements-train.lock
	@$(INSTALL_AVAL)
	@touch $@

$(VENV)/.ready-test: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing everything, tests' tools included, into $(VENV) (once; a minute or two)"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL_AVAL)
	@touch $(VENV)/.ready-demo $@
