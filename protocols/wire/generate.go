package wire

// The generated code is committed. protoc is Debian's protobuf-compiler; the
// plugin's version is pinned in tools/go.mod.
//go:generate ./generate.sh
