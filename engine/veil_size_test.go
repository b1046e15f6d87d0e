//go:build !long

package engine_test

// veiledRing makes tests of encrypted studies quick.
const veiledRing = 12
