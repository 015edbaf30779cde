# What people type. Everything here is a short way of saying one line; nothing is decided here.
.DEFAULT_GOAL := help
.NOTPARALLEL:
BIN := .venv/bin
# What is checked: the library and whatever stands beside it.
CODE := miglab tests $(wildcard deploy.py conftest.py inventories/*.py scenarios/*.py benchmarks/*.py docs/pictures/*.py docs/examples/*/*.py)

help: ## these lines
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

lab: install ## one measured migration, from nothing to a verdict
	$(BIN)/pyinfra inventories/lab.py deploy.py -y
	$(BIN)/miglab guest start
	$(BIN)/miglab migrate --load ws=64MiB,rate=50MiB/s,pattern=sequential

test: purpose := tests
test: install lint types unit live ## lint, types, tests/, then scenarios/ on the embedded lab

install: ## what is missing on this machine, and .venv; nothing the second time
	@scripts/install.sh $(purpose)

lint: ## style
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: ## mypy --strict
	$(BIN)/mypy --strict $(CODE)

unit: ## tests/, without a lab
	$(BIN)/pytest tests

live: ## scenarios/, on the embedded lab, but for those with a command of their own below
	$(BIN)/pytest scenarios -m "not slow and not kinds and not ailments"

kinds: purpose := tests
kinds: install ## other kinds of lab, share and suite: own hosts, mixed releases, iSCSI, the tutorial page by page
	$(BIN)/pytest scenarios -m "kinds and not slow"

ailments: purpose := tests
ailments: install ## every failure that the doctor knows: made, named, met by a migration, mended
	$(BIN)/pytest scenarios -m "ailments and not slow"

slow: ## the others: another guest's distribution, searches, virt-manager, a third host
	$(BIN)/pytest scenarios -m slow

bench: ## how long the parts take, and what dominates each
	$(BIN)/python -m benchmarks

POLICIES := multifd-2 postcopy
test-vagrant: purpose := vagrant
test-vagrant: install ## the lab of virtual machines: made, held to the tutorial, and removed
	$(BIN)/miglab up --lab vagrant
	code=0; $(BIN)/pytest scenarios --lab vagrant $(POLICIES:%=--lab-policy %) || code=$$?; \
	  $(BIN)/miglab down --lab vagrant && exit $$code

pictures: purpose := pictures
pictures: install ## what the tutorial shows, drawn anew: terminals and virt-manager
	$(BIN)/python -m docs.pictures

down: ## remove the lab and everything that belongs to it
	$(BIN)/miglab down

# Needs uv (https://docs.astral.sh/uv/); the newest of everything that pyproject.toml allows.
lock: ## write requirements.lock anew
	uv pip compile pyproject.toml --extra dev --universal --upgrade --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
	  --quiet --output-file requirements.lock

clean: ## remove .venv and caches, never a lab or a record
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info pyinfra-debug.log

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))
