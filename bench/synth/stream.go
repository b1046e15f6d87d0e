package synth

import "math"

// golden is the odd number next to 2^64 over the golden ratio.
const golden = 0x9e3779b97f4a7c15

// stream is the random numbers of one row: SplitMix64 (Steele, Lea and Flood,
// Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 17),
// which starts anywhere at no cost. Nothing secret may be drawn from it.
type stream uint64

// uniform returns a number inside (0, 1), a multiple of 2^-54.
func (s *stream) uniform() float64 {
	*s += golden
	return (float64(mix(uint64(*s))>>11) + 0.5) / (1 << 53)
}

// normal returns a standard normal number.
func (s *stream) normal() float64 { return normal(s.uniform()) }

// happens is true with probability p.
func (s *stream) happens(p float64) bool { return s.uniform() < p }

// exponential returns a standard exponential number.
func (s *stream) exponential() float64 { return -math.Log(s.uniform()) }

// mix is SplitMix64's output function: a bijection whose every output bit depends on every input bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// normal is the standard normal quantile of u inside (0, 1).
func normal(u float64) float64 { return math.Sqrt2 * math.Erfinv(2*u-1) }

// logistic is the inverse of the log odds.
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
