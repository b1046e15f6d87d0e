#!/bin/sh
# Regenerates wire.pb.go and journal.pb.go: the same bytes on every machine with
# protoc 3.21 (Debian: protobuf-compiler) and the pinned protoc-gen-go.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd ../../tools && go build -o "$bin/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go)
PATH="$bin:$PATH" protoc --go_out=. --go_opt=paths=source_relative wire.proto journal.proto
