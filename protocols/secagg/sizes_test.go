//go:build !long

package secagg_test

// How much the tests do; with the tag long, ten times as much.
var (
	sizes        = []int{4, 20}
	maskedWords  = 1 << 17
	hostileSeeds = 60
	simulated    = 1000
	flippedBits  = 150
)
