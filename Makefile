GO          ?= go
FUZZTIME    ?= 5s
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Real peers are demanded, not skipped; two packages at a time is what a small
# machine bears beside the servers that the tests start.
TEST = PACSBRIDGE_REQUIRE_PEERS=1 CGO_ENABLED=1 $(GO) test -race -shuffle=on -p 2 -timeout 20m

.PHONY: build test check fmt vet staticcheck layers race fuzz-short packages demo lab bench bench-ledger hostile

build: ## bin/pacsbridge, which needs nothing else to run
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/pacsbridge ./cmd/pacsbridge

test: packages race ## every test, with the real servers

check: fmt vet staticcheck layers test fuzz-short ## what must be green before a change goes in

packages: ## the servers and tools that the tests talk to
	.ci/install-packages

race:
	$(TEST) ./...

fmt:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...

# Not a dependency of the module: fetched by version, left out where the module
# proxy cannot be reached.
staticcheck:
	@if $(GO) run $(STATICCHECK) -version >/dev/null 2>&1; \
	then echo "staticcheck ./..."; $(GO) run $(STATICCHECK) ./...; \
	else echo "staticcheck cannot be fetched; left out"; fi

layers:
	$(GO) test -run 'TestImportsKeepTheLayers|TestTheTableOfRoomsHasNoEmptyRooms' ./cmd/pacsbridge

fuzz-short: ## each fuzz target for FUZZTIME
	@set -e; \
	for folder in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$folder/*_test.go | cut -c6-); do \
			echo "$$folder $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$folder; \
		done; \
	done

demo: ## a whole migration on this machine, with nothing installed
	$(GO) run ./cmd/pacsbridge demo

lab: packages ## two Orthancs and a legacy database to try pacsbridge on by hand
	PACSBRIDGE_LAB=$(CURDIR)/lab $(GO) test -v -count=1 -timeout 0 -run TestLab ./cmd/pacsbridge

# BENCH takes options, e.g. make bench BENCH='-quick -only small'; see docs/performance.md.
bench: packages ## how fast it is beside DCMTK and Orthanc: the table of docs/performance.md
	$(GO) run ./cmd/bench -out bench.out $(BENCH)

# The part of bench on the ledger, with the plans; a size is given by BENCH='-studies 10000000'.
bench-ledger: packages ## how fast the ledger is, and the plans of its statements
	$(GO) run ./cmd/bench -only bookkeeping -plans $(BENCH)

hostile: ## attacks on the DICOM port at full size, which takes minutes
	PACSBRIDGE_HOSTILE=full $(GO) test -v -count=1 -timeout 15m -run 'Held|ManyClients|RudeAssociations' ./dimse
