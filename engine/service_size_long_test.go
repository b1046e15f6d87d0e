//go:build long

package engine_test

const killStride = 1
