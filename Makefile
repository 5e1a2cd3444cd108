# Every target is one line; what it runs has a folder of its own.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
LOCAL := $(BIN)/bootstrap --cloud local
DOMAIN ?= tickets.test
.PHONY: help setup demo image test test-fast lint docs verify-cloud lock audit bench clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## install what the targets need (system packages as root, Python in .venv)

.venv/.ready: pyproject.toml agent/pyproject.toml localcloud/pyproject.toml .ci/setup
	PYTHON=$(PYTHON) .ci/setup && touch $@

demo: setup ## the main job on the local cloud: image, create, a URL that answers
	$(LOCAL) cloud start && $(LOCAL) image build --if-changed && $(LOCAL) create --domain $(DOMAIN)

image: setup ## bake the droplet's image with Packer (CLOUD=local for the local cloud)
	$(BIN)/bootstrap --cloud $(or $(CLOUD),digitalocean) image build

test: setup ## every test; needs root on Linux
	$(BIN)/pytest -n 2

test-fast: setup ## unit and contract tests only
	$(BIN)/pytest tests/unit tests/contract

lint: setup ## ruff, mypy, import rules, shellcheck, packer validate, cloud-init schema
	.ci/lint

docs: setup ## make the generated pages anew: commands, settings, layers, the redeploy's states, audit
	$(BIN)/python -m tools.manual && $(BIN)/python -m tools.settings_page && $(BIN)/python -m tools.token_page && $(BIN)/python -m tools.layers && $(BIN)/python -m tools.diagram && $(BIN)/python -m tools.audit_page && $(BIN)/python -m tools.failure_matrix

verify-cloud: setup ## the contract suite and one whole life on a real account (CLOUD=local: rehearse it); asks, costs cents, deletes all
	$(BIN)/python -m tools.verify --cloud $(or $(CLOUD),digitalocean) --domain $(DOMAIN) $(ARGS)

lock: setup ## pin with hashes what an image installs from the Python package index
	.ci/lock

audit: setup ## Lynis, ssh-audit, testssl.sh and the Docker checks against the demo
	$(LOCAL) audit $(DOMAIN)

bench: setup ## ratios, each pair measured in one run
	$(BIN)/python -m bench

clean: ## remove what the targets made in this folder
	rm -rf .venv build dist *.egg-info packer_cache
