# What people type. Everything here is a short way of saying one line; nothing is decided here.
.DEFAULT_GOAL := help
.NOTPARALLEL:
BIN := .venv/bin
# What is checked: the library and whatever stands beside it.
CODE := miglab tests $(wildcard deploy.py conftest.py inventories/*.py scenarios/*.py benchmarks/*.py)

help: ## these lines
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

lab: install ## one measured migration, from nothing to a verdict
	$(BIN)/pyinfra inventories/lab.py deploy.py -y
	$(BIN)/miglab guest start
	$(BIN)/miglab migrate --load ws=64MiB,rate=50MiB/s,pattern=sequential

test: purpose := tests
test: install lint types unit live ## everything: lint, types, tests/, then scenarios/ on the embedded lab

install: ## what is missing on this machine, and .venv; nothing the second time
	@scripts/install.sh $(purpose)

lint: ## style
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: ## mypy --strict
	$(BIN)/mypy --strict $(CODE)

unit: ## tests/, without a lab
	$(BIN)/pytest tests

live: ## scenarios/, on the embedded lab
	$(BIN)/pytest scenarios

bench: ## how long the parts take, and what dominates each
	$(BIN)/python -m benchmarks

down: ## remove the lab and everything that belongs to it
	$(BIN)/miglab down

# Needs uv (https://docs.astral.sh/uv/); the newest of everything that pyproject.toml allows.
lock: ## write requirements.lock anew
	uv pip compile pyproject.toml --extra dev --universal --upgrade --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
	  --quiet --output-file requirements.lock

clean: ## remove .venv and caches, never a lab or a record
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info pyinfra-debug.log

.PHONY: $(shell sed -n 's/^\([a-z]*\):.*/\1/p' $(MAKEFILE_LIST))
