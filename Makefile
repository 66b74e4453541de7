# agentctl: what can be made. `make` alone lists it.
SHELL := /bin/sh
BIN := node_modules/.bin
# Node 24 comes with the dev dependency `node`, whatever the machine has.
export PATH := $(CURDIR)/$(BIN):$(PATH)
PREFIX ?= /usr/local
RUNTIME ?= process

.DEFAULT_GOAL := help
.PHONY: help install-deps build demo test unit scenarios published mutate types lint layers generate verify bench dist install uninstall clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

node_modules/.installed: package-lock.json package.json
	@echo 'Installing the dependencies ...'
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

install-deps: node_modules/.installed ## install the dependencies, Node 24 among them

build: node_modules/.installed ## bundle the command line into dist/
	@node scripts/build.ts

demo: build ## show a session: apply, get, describe, a crash and its restart (RUNTIME=docker: in containers)
	@RUNTIME=$(RUNTIME) sh scripts/demo.sh

test: types lint layers verify unit scenarios ## everything: types, lint, layers, generated files, unit, contract, property, golden, scenario tests

types: node_modules/.installed ## check the types
	@tsc -p .

lint: node_modules/.installed ## check style and format, and that no code or dependency is unused
	@biome check --error-on-warnings .
	@knip --no-progress

layers: node_modules/.installed ## check that packages import only from lower layers, that pure ones are pure, and names and schemas
	@node scripts/lint-layers.ts
	@node scripts/lint-names.ts
	@node scripts/lint-schemas.ts

generate: node_modules/.installed ## write types, validators, CRDs and reference pages from schemas/
	@node scripts/generate/main.ts

verify: node_modules/.installed ## fail where a generated file is out of date
	@node scripts/generate/main.ts --check

unit: build ## unit, contract, property and golden tests
	@vitest run --project unit

scenarios: build ## whole stories on the real command line; with an engine, in containers too
	@{ vitest run --project apart; one=$$?; vitest run --project 'published*' && exit $$one; } & beside=$$!; \
	vitest run --project scenarios; status=$$?; wait $$beside && exit $$status

published: build ## try coding agents as they are published, with scripted models; fetches 2 GB once
	@vitest run --project 'published*'

mutate: node_modules/.installed ## show changes of src that no test notices; FILES=src/plan/stop.ts or SAMPLE=5 (percent) tries some, all take hours
	@node test/mutation/main.ts $(FILES)

bench: build ## measure, beside references in the same run
	@node test/bench/main.ts

dist: build ## a single executable, dist/agentctl, that needs no Node
	@node scripts/dist.ts

install: dist ## copy the executable to $(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 dist/agentctl $(DESTDIR)$(PREFIX)/bin/agentctl
	@echo 'Installed $(DESTDIR)$(PREFIX)/bin/agentctl. After an upgrade: agentctl controller restart'

uninstall: ## remove it again
	rm -f $(DESTDIR)$(PREFIX)/bin/agentctl

clean: ## remove what was built
	rm -rf dist coverage
