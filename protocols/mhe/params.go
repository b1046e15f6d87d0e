package mhe

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/wire"
)

// Literal is a choice of parameters before anybody has checked it.
type Literal struct {
	Name     string
	LogN     int      // log2 of the ring's degree n
	Q        []uint64 // primes of the ciphertext modulus; the last two are what one rescaling drops
	P        []uint64 // primes of the auxiliary modulus of the relinearisation key: see relinKey
	LogScale int      // an encrypted number x is the integer x * 2^LogScale
	LogMask  int      // refresh masks are uniform in [-2^(LogMask-1), 2^(LogMask-1))
	Density  float64  // probability that a coefficient of a secret key is not 0
	Sigma    float64  // standard deviation of the errors
}

// Standard is the set of every study: one product of scale 2^98 per refresh.
// The relinearisation key is modulo Q without its last prime, times P: 411 bits, the quantum
// cap of degree 2^14. Nothing else is modulo more than Q.
//
//	Q = 60 + 6 x 49 bits, P = 2 x 53 bits, each the largest such primes that are 1 mod 2^16
//	level 6: inputs and refreshed values     354 bits
//	level 4: after product and rescaling     256 bits
func Standard() Literal {
	return Literal{
		Name: "coefficients-14", LogN: 14,
		Q: []uint64{
			0xffffffffffc0001,
			0x1fffffff50001, 0x1ffffffea0001, 0x1ffffffd40001, 0x1ffffffba0001, 0x1ffffffb40001, 0x1ffffffb00001,
		},
		P:        []uint64{0x1fffffffe30001, 0x1fffffffd80001},
		LogScale: 98, LogMask: 246, Density: 2.0 / 3, Sigma: 3.2,
	}
}

// Bounds of the arithmetic.
const (
	// LogLargest bounds what is encrypted: every coefficient is below 2^24, so that masks can hide it.
	LogLargest = 24
	// MinHiding is the least statistical security of a refresh, in bits: see Hiding.
	MinHiding = 100
	// errorBound is where an error stops in units of sigma (lattigo's rejection).
	errorBound = 6
	// drop is how many primes one rescaling drops.
	drop = 2
)

// quantumCap is the largest log2(QP) for which uniform ternary secrets and
// errors of sigma 3.2 have 128 bits against quantum computers, by log2 of the degree
// (homomorphicencryption.org's table as OpenFHE ships it, stdlatticeparms.cpp).
// Other degrees are not used.
func quantumCap(logN int) int {
	switch logN {
	case 13:
		return 202
	case 14:
		return 411
	case 15:
		return 827
	}
	return 0
}

// Params is a set of parameters that has been checked. The zero value is none.
type Params struct {
	lit      Literal
	rlwe     rlwe.Parameters
	insecure bool

	transforms []*transform // by prime, Q's before P's
}

// NewParams checks lit: 128 bits against quantum computers, no sparse secrets,
// errors of at least 3.2, and refreshes that hide 100 bits and cannot wrap.
func NewParams(lit Literal) (Params, error) {
	cap, size := quantumCap(lit.LogN), lit.logQP()
	if cap == 0 {
		return Params{}, fmt.Errorf("mhe: parameters %q: degree 2^%d, want 2^13, 2^14 or 2^15", lit.Name, lit.LogN)
	}
	if size > cap {
		return Params{}, fmt.Errorf("mhe: parameters %q: log2 of the largest modulus is %d, want at most %d at degree 2^%d: 128 bits against quantum computers", lit.Name, size, cap, lit.LogN)
	}
	return build(lit, false)
}

// InsecureTest is the standard arithmetic in a ring of degree 2^logN, far below
// what security needs: for tests that must be quick. It must never meet a patient's data.
func InsecureTest(logN int) Params {
	lit := Standard()
	lit.Name, lit.LogN = fmt.Sprintf("insecure-test-%d", logN), logN
	p, err := build(lit, true)
	if err != nil {
		panic(err)
	}
	return p
}

func build(lit Literal, insecure bool) (Params, error) {
	wrong := func(format string, args ...any) (Params, error) {
		return Params{}, fmt.Errorf("mhe: parameters %q: "+format, append([]any{lit.Name}, args...)...)
	}
	switch {
	case lit.Density != 2.0/3:
		return wrong("secret keys have density %g, want 2/3: no sparse secrets", lit.Density)
	case !(lit.Sigma >= 3.2) || lit.Sigma > 8:
		return wrong("sigma is %g, want 3.2 to 8", lit.Sigma)
	case len(lit.Q) < drop+2 || len(lit.Q)+len(lit.P) > wire.MaxPrimes || len(lit.P) != digitPrimes || (len(lit.Q)-1)%digitPrimes != 0:
		return wrong("%d primes and %d auxiliary ones, want at least %d and an odd number, and %d", len(lit.Q), len(lit.P), drop+2, digitPrimes)
	case lit.LogN < 4 || lit.LogN > 15:
		return wrong("degree 2^%d", lit.LogN)
	}
	var err error
	p := Params{lit: lit, insecure: insecure}
	p.rlwe, err = rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{
		LogN: lit.LogN, Q: lit.Q, P: lit.P, NTTFlag: true,
		Xs: ring.Ternary{P: lit.Density}, Xe: ring.DiscreteGaussian{Sigma: lit.Sigma, Bound: errorBound * lit.Sigma},
	})
	if err != nil {
		return wrong("%v", err)
	}
	// One rescaling must undo one multiplication by the scale, but for a rest near 1.
	if r := math.Abs(log2(product(lit.Q[len(lit.Q)-drop:])) - float64(lit.LogScale)); r > 0.01 {
		return wrong("the last %d primes are 2^%.3f away from the scale 2^%d", drop, r, lit.LogScale)
	}
	if h := p.Hiding(); h < MinHiding {
		return wrong("a refresh hides %d bits, want at least %d", h, MinHiding)
	}
	if p.MaxMembers() < 2 {
		return wrong("masks of %d bits wrap modulo %.0f bits with two members", lit.LogMask, log2(product(lit.Q[:p.low()+1])))
	}
	// The tensor of two products of largest values must not wrap at the top level either.
	if log2(product(lit.Q)) < float64(2*lit.LogScale+2*LogLargest+2) {
		return wrong("modulus too small for one product")
	}
	if lit.LogMask > 64*(limbs-1) || log2(product(lit.Q[:p.low()+1])) > 64*(limbs-1) {
		return wrong("masks of %d bits, want at most %d", lit.LogMask, 64*(limbs-1))
	}
	for i := range len(lit.Q) + len(lit.P) {
		p.transforms = append(p.transforms, newTransform(p.subring(i)))
	}
	return p, nil
}

// Hiding is the statistical distance, as bits, between masked values and masks
// alone: mask - scale - largest value - all n coefficients - 2^5 refreshes
// of a session... each of which counts: log2 of (2^mask / (2^scale * 2^24 * n * 2^5)).
func (p Params) Hiding() int { return p.lit.LogMask - p.lit.LogScale - LogLargest - p.lit.LogN - 5 }

// MaxMembers is the largest number N of members whose masks cannot wrap:
// N 2^(mask-1) + 2^(scale+24) < Q_low / 2. At most 200, as for sums.
func (p Params) MaxMembers() int {
	half := new(big.Int).Rsh(product(p.lit.Q[:p.low()+1]), 1)
	half.Sub(half, new(big.Int).Lsh(big.NewInt(1), uint(p.lit.LogScale+LogLargest)))
	half.Rsh(half, uint(p.lit.LogMask-1))
	if half.Sign() < 0 {
		return 0
	}
	if !half.IsInt64() || half.Int64() > wire.MaxMembers {
		return wire.MaxMembers
	}
	return int(half.Int64())
}

// Degree is n, the number of coefficients.
func (p Params) Degree() int { return p.rlwe.N() }

// LogQP is the size in bits of the modulus with the auxiliary one: what the security of the ring rests on.
func (p Params) LogQP() int { return p.lit.logQP() }

// Name is what the parameters are called in a plan.
func (p Params) Name() string { return p.lit.Name }

// Secure reports that the parameters passed NewParams.
func (p Params) Secure() bool { return p.lit.LogN != 0 && !p.insecure }

// Digest binds every field, for the charter's Parameters.
func (p Params) Digest() [32]byte {
	var b []byte
	put := func(v ...uint64) {
		for _, x := range v {
			b = binary.BigEndian.AppendUint64(b, x)
		}
	}
	l := p.lit
	put(uint64(l.LogN), uint64(l.LogScale), uint64(l.LogMask), math.Float64bits(l.Density), math.Float64bits(l.Sigma), LogLargest)
	put(uint64(len(l.Q)))
	put(l.Q...)
	put(uint64(len(l.P)))
	put(l.P...)
	return party.Hash("mhe parameters", []byte(l.Name), b)
}

// top and low are the levels (index of the last prime) of fresh values and of
// those after a product.
func (p Params) top() int { return len(p.lit.Q) - 1 }
func (p Params) low() int { return len(p.lit.Q) - 1 - drop }

// logQP is the number of bits of the largest modulus under which anything is encrypted:
// Q, or that of the relinearisation key.
func (l Literal) logQP() int {
	if len(l.Q) == 0 {
		return 0
	}
	return max(product(l.Q).BitLen(), product(append(append([]uint64{}, l.Q[:len(l.Q)-1]...), l.P...)).BitLen())
}

func product(primes []uint64) *big.Int {
	out := big.NewInt(1)
	for _, q := range primes {
		out.Mul(out, new(big.Int).SetUint64(q))
	}
	return out
}

// log2 of a positive integer.
func log2(x *big.Int) float64 {
	shift := max(x.BitLen()-53, 0)
	f, _ := new(big.Float).SetInt(new(big.Int).Rsh(x, uint(shift))).Float64()
	return math.Log2(f) + float64(shift)
}
