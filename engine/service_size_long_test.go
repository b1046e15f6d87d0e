//go:build long

package engine_test

const killStride = 1

// schedules is how many are tried.
const schedules = 1000
