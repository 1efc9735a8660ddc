# Springtide: make deps | build | test | demo | drill | bench | lint
# One configuration only: release. The packages alone take minutes, and speed is part of what is tested.

SWIFT_BUILD = swift build -c release --explicit-target-dependency-import-check error
BIN = .build/release
DEBIAN = libhiredis-dev libopenblas-dev libpq-dev libssl-dev openssl prometheus redis-server postgresql xz-utils zstd
# Who has a kubectl keeps it: other packages of it own the same file.
DEBIAN += $(if $(shell command -v kubectl),,kubernetes-client)
BENCHMARKS = MatchingBenchmark RiskBenchmark RedisBenchmark CommitBenchmark CacheBenchmark OutageBenchmark \
    GatewayBenchmark LoadgenBenchmark LearningBenchmark ForecastBenchmark ReinforcementBenchmark \
    SimulatorBenchmark HybridBenchmark DecisionBenchmark CalibrationBenchmark
DEMO = --report demo-report
SMALL = --accounts 2000 --instruments 100 --correctness-only --report demo-report

.PHONY: deps build test programs demo demo-check drill nemesis soak peers consumer sanitize bench lint clean

deps: ## install the Debian packages that are missing
	@missing=""; for p in $(DEBIAN); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "deps: all Debian packages are there"; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi; \
	echo "deps: installing$$missing"; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing >/dev/null
	@command -v swift >/dev/null || { echo "deps: no Swift toolchain on the PATH; install Swift 6.3 from swift.org"; exit 1; }

build: deps ## build everything
	$(SWIFT_BUILD)

test: deps ## build and run all tests against real servers
	$(SWIFT_BUILD) --build-tests
	swift test -c release --skip-build --no-parallel --explicit-target-dependency-import-check error

programs: deps ## the demo's programs; BUILT=yes where a whole build has just made them
	$(if $(BUILT),,$(SWIFT_BUILD) --product springtide && $(SWIFT_BUILD) --product loadgen \
	    && $(SWIFT_BUILD) --product autoscaler)

demo: programs ## one minute of a trading day at 15,000 orders a second, with a verdict
	$(BIN)/springtide demo $(DEMO)

demo-check: programs ## a short demo that judges correctness only
	$(BIN)/springtide demo --duration 5s --rate 1000 $(SMALL)

drill: programs ## kill -9 of the node ten times in mid-load, then Redis away for ten seconds: nothing may be lost
	$(BIN)/springtide demo --kill 10 --duration 40s --rate 500 $(SMALL)
	$(BIN)/springtide demo --redis-stop 10 --duration 25s --rate 500 $(SMALL)

nemesis: deps ## five minutes of faults on a real Redis Cluster and PostgreSQL, judged by a history checker
	$(SWIFT_BUILD) --product nemesis
	$(BIN)/nemesis --duration 5m --seed $(or $(SEED),1)

soak: deps ## a billion simulated reads compared with the truth
	$(SWIFT_BUILD) --build-tests
	SPRINGTIDE_SIM_READS=1000000000 swift test -c release --skip-build --filter 'SimulationTests.SimulationTests/soak' \
	    --explicit-target-dependency-import-check error

peers: deps ## readers of the load generator's files, then the generator beside wrk on nginx: on a quiet machine
	$(SWIFT_BUILD) --product loadgen
	Tests/LoadgenPeers/readers.sh $(BIN)/loadgen
	Tests/LoadgenPeers/check.sh $(BIN)/loadgen

consumer: deps ## a service author's package on the cache product alone
	Tests/CacheConsumer/check.sh "$(CURDIR)/.build/consumer"

sanitize: deps ## the cache stack and its tests under ThreadSanitizer and AddressSanitizer
	Tests/Sanitized/check.sh "$(CURDIR)/.build/sanitize"

bench: deps ## figures of every part, beside a peer's
	$(SWIFT_BUILD)
	@for b in $(BENCHMARKS); do echo "== $$b"; $(BIN)/$$b || exit 1; done

lint: ## formatting; the rules of structure are in TidyTests
	swift format lint --strict --parallel --recursive Package.swift Sources Loadgen Tests Benchmarks

clean:
	rm -rf .build demo-report
