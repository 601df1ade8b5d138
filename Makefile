.DEFAULT_GOAL := help
.PHONY: help sandbox test race elsewhere check reliability reliability-whole properties mutations fmt vet lint windows docs vulncheck bootstrap clean

# Pulumi builds programs with -trimpath (since 3.246). Built alike, a package is compiled once for the tests,
# the sandbox and pulumi up.
# -buildvcs: a checkout that belongs to somebody else must not stop the build.
export GOFLAGS := -trimpath -buildvcs=false $(GOFLAGS)

lint := go tool -modfile=tools/golangci-lint/go.mod golangci-lint

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

sandbox: ## Deploy staging and production offline, on the real Pulumi engine
	@go run ./cmd/sandbox

test: ## Prove the program: unit tests, and engine tests in the sandbox
	@go run ./cmd/sandbox cli >/dev/null # once, with its progress: go test would hide that
	go test -timeout 20m ./...

# Without the interruptions: an engine of Pulumi's that is ended half-way goes on beside its caller, and races with itself.
race: ## The same, with the race detector, in another order; takes long
	go test -race -shuffle=on -timeout 90m $$(go list ./... | grep -v /internal/reliability$$)

elsewhere: ## The same, read-only, offline, with settings that must not matter
	@.ci/elsewhere

check: vet lint test ## All that must be green: vet, format and lint, tests

fmt: ## Format the code
	$(lint) fmt

vet:
	go vet ./...

lint: # and format: a file that make fmt would change is an issue
	$(lint) run

windows: # compiles there, too
	GOOS=windows go vet ./...

reliability: ## Interrupt deployments at every operation; takes four to five minutes
	@go run ./cmd/reliability --write

reliability-whole: # those of the examples, too; takes half an hour
	@go run ./cmd/reliability --whole

properties: ## Deploy 200 random configurations, and refuse a thousand bad ones
	go test ./internal/reliability -run TestRandomConfigurations -rapid.checks=200
	go test ./infra/config -run TestAnyConfiguration -rapid.checks=1000

mutations: ## Make deliberate defects, and see that the tests notice each; takes long
	@go run ./cmd/mutations

docs: ## Rewrite the generated parts of the documents
	@go run ./cmd/docs

vulncheck: ## Look for known vulnerabilities of the modules; needs the internet
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

bootstrap: ## Prepare an AWS account: state bucket, key, GitHub's roles
	@go run ./cmd/bootstrap

clean: ## Forget the lasting sandbox
	rm -rf .sandbox
