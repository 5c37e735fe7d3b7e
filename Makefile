# What can be done here. Logic lives in programs and tests; these are their names.

# A pipe fails with its first part.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

CONSOLE := control/console
BROWSER := tests/browser
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.1
# nextest where it is there, else cargo's own runner.
RUN_TESTS := $(shell cargo nextest --version >/dev/null 2>&1 && echo "nextest run" || echo "test")

.DEFAULT_GOAL := help
.PHONY: help run test check rust-test console-test browser-test metrics-check check-api check-bot deny advisories bench bench-store quality cost load janus soak control speak join fuzz openapi picture

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: release ## Build all and start a demo: there is something to hear at once
	target/release/partyline up --demo

test: check deny rust-test metrics-check console-test browser-test ## Everything

check: need-build $(CONSOLE)/dist/index.html ## The quick part: formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

rust-test: need-build $(CONSOLE)/dist/index.html ## Unit and integration tests, on SQLite and PostgreSQL
	@tools/need espeak-ng initdb pdftotext redis-server
	cargo $(RUN_TESTS) --workspace

console-test: $(CONSOLE)/node_modules/.made ## The console: types, lints, tests
	npm --prefix $(CONSOLE) run check
	npm --prefix $(CONSOLE) test

browser-test: need-build $(CONSOLE)/dist/index.html $(BROWSER)/node_modules/.made ## End to end in Chromium
	@tools/need chromium
	cargo build --workspace
	npm --prefix $(BROWSER) test

metrics-check: need-build $(CONSOLE)/dist/index.html ## Alert rules against their tests, and metrics' names on a live scrape
	@tools/need promtool curl
	promtool check rules deploy/prometheus/alerts.yml
	promtool test rules deploy/prometheus/alerts_test.yml
	cargo build --workspace
	tools/scrape target/debug/partyline | promtool check metrics

check-api: need-build $(CONSOLE)/dist/index.html ## Send a server what its description allows and what not, by schemathesis from PyPI
	@tools/need curl
	cargo build --workspace
	tools/check-api target/debug/partyline control/openapi.json

check-bot: need-build $(CONSOLE)/dist/index.html ## A bot of somebody else's making in line, unchanged: FastRTC from PyPI
	@tools/need curl python3
	tools/check-bot

deny: ## Bans, licences and sources of all dependencies
	@cargo deny --version 2>/dev/null | grep -q $(CARGO_DENY_VERSION) || cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked
	cargo deny --locked check bans licenses sources

advisories: ## Known defects of dependencies; fetches the advisory database
	cargo deny --locked check advisories

bench: ## Criterion benches of the media core
	cargo bench --workspace --benches

CALLS ?= 10000,2000000
DATABASES ?= sqlite,postgres
bench-store: need-build $(CONSOLE)/dist/index.html ## Lists and searches over HTTP, CALLS=10000,2000000 in DATABASES=sqlite,postgres; 15 GB of TMPDIR
	@tools/need initdb
	cargo bench --workspace --bench store -- $(CALLS) $(DATABASES)

quality: need-build ## Score the Opus settings by PESQ
	@tools/need espeak-ng
	python3 -m pip install --quiet pesq numpy scipy
	python3 benches/quality/score.py

cost: release ## CPU a call-second: unheard and heard, from /proc, server and load in processes of their own
	target/release/loadtest cost --partyline target/release/partyline --calls 100 --seconds 30
	target/release/loadtest cost --partyline target/release/partyline --calls 100 --heard 50 --seconds 30

load: release ## CPU a packet, a join, a call and a listener next to the floor: 500, 1,000, 10 to 4,000 listeners, many calls
	target/release/loadtest load --listeners 500
	target/release/loadtest load --listeners 1000
	target/release/loadtest load --listeners 10,100,500,1000,2000,4000 --joins 100
	target/release/loadtest load --calls 150 --listeners 2 --above-encode --fill

janus: release ## The same work through Janus, in turns: 500 and 1,000 listeners
	@tools/need janus
	target/release/loadtest load --listeners 500 --rounds 3 --janus
	target/release/loadtest load --listeners 1000 --rounds 3 --janus

soak: release ## Half an hour of 50 calls and 500 listeners that come and go; fails when something grows or is lost
	target/release/loadtest soak --minutes 30 --calls 50 --listeners 500 --churn 5 --samples target/soak.jsonl

control: release ## Webhooks, pages of calls, and live events to 1,000 consoles
	target/release/loadtest control --partyline target/release/partyline

speak: release ## Speaking: mouth to caller, mode to audible, a bot's silence after takeover, CPU of a two-way call
	target/release/loadtest speak --partyline target/release/partyline

join: release $(BROWSER)/node_modules/.made ## POST to first audio: light client, then Chromium
	@tools/need chromium
	PARTYLINE=$(CURDIR)/target/release/partyline npm --prefix $(BROWSER) run join

picture: release $(BROWSER)/node_modules/.made ## The README's picture of the console
	PARTYLINE=$(CURDIR)/target/release/partyline npm --prefix $(BROWSER) run picture

T ?= twilio_message
S ?= 60
fuzz: need-build ## Fuzz a parser, for S seconds: make fuzz T=twilio_message|stun|sdp|rtcp|session|floor S=60
	@cargo fuzz --version 2>/dev/null | grep -q $(CARGO_FUZZ_VERSION) || cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked
	cd gateway && cargo +nightly fuzz run $(T) -- -max_total_time=$(S)

openapi: ## Write control/openapi.json and the console's types anew
	UPDATE_OPENAPI=1 cargo $(RUN_TESTS) --workspace -- the_committed_description
	npm --prefix $(CONSOLE) run generate

.PHONY: release
release: need-build $(CONSOLE)/dist/index.html
	cargo build --release --workspace --bins

.PHONY: need-build
need-build:
	@tools/need cc cmake cargo

$(CONSOLE)/node_modules/.made: $(CONSOLE)/package-lock.json
	@tools/need node npm
	npm --prefix $(CONSOLE) ci --no-audit --no-fund
	@touch $@

$(BROWSER)/node_modules/.made: $(BROWSER)/package-lock.json
	@tools/need node npm
	npm --prefix $(BROWSER) ci --no-audit --no-fund
	@touch $@

$(CONSOLE)/dist/index.html: $(CONSOLE)/node_modules/.made $(shell find $(CONSOLE)/src $(CONSOLE)/client $(CONSOLE)/index.html -type f 2>/dev/null)
	npm --prefix $(CONSOLE) run build
	@touch $@
