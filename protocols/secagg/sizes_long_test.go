//go:build long

package secagg_test

// How much the tests do.
var (
	sizes        = []int{4, 20, 100}
	maskedWords  = 1 << 20
	hostileSeeds = 1000
	simulated    = 100000
	flippedBits  = 10000
)
