//go:build long

package engine_test

// veiledRing: the parameters of studies.
const veiledRing = 0
