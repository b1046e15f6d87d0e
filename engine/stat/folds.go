package stat

import (
	"hash/fnv"
	"math/bits"
)

// Folds deals a hospital's n rows, in the order of its file after all
// conditions, to k folds of sizes that differ by at most one: numbers 0 to k-1
// in turn, beginning at a place that is drawn, then shuffled (Fisher and
// Yates). What is drawn is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) from
// seed and FNV-1a of the hospital's name: the same rows in the same order get the same folds.
func Folds(n, k int, seed uint64, site string) []int {
	h := fnv.New64a()
	h.Write([]byte(site))
	state := seed ^ h.Sum64()
	below := func(m int) int { // m is far below 2^32: no fold is noticeably more likely
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		hi, _ := bits.Mul64(z^z>>31, uint64(m))
		return int(hi)
	}
	fold, first := make([]int, n), below(k)
	for i := range fold {
		fold[i] = (first + i) % k
	}
	for i := n - 1; i > 0; i-- {
		j := below(i + 1)
		fold[i], fold[j] = fold[j], fold[i]
	}
	return fold
}
