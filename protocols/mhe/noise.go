package mhe

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

var one = big.NewInt(1)

// Gaussian draws exact discrete Gaussian integers: P(x) proportional to
// exp(-x^2 / (2 sigma^2)), for an integer sigma of any size (Canonne, Kamath,
// Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020,
// algorithms 1 to 3; gamma is the paper's γ, t its t). Nothing is rounded: every
// integer can come up, with its exact probability.
//
// The library's sampler is not used for flooding: its noise has 2^31 magnitudes
// whatever sigma is, and its residues are wrong above the smallest prime.
// The time depends on the values drawn. A sample is noise that covers one opened
// number and is never used again.
type Gaussian struct {
	rand   io.Reader
	sigma2 *big.Int // sigma^2
	t      *big.Int // floor(sigma) + 1
	den    *big.Int // 2 sigma^2 t^2
}

// NewGaussian takes sigma from 1 to 2^200.
func NewGaussian(rand io.Reader, sigma *big.Int) (*Gaussian, error) {
	if rand == nil || sigma.Sign() <= 0 || sigma.BitLen() > 200 {
		return nil, errors.New("mhe: gaussian: want a source of randomness and a sigma from 1 to 2^200")
	}
	g := &Gaussian{rand: rand, sigma2: new(big.Int).Mul(sigma, sigma), t: new(big.Int).Add(sigma, one)}
	g.den = new(big.Int).Mul(g.t, g.t)
	g.den.Mul(g.den, g.sigma2).Lsh(g.den, 1)
	return g, nil
}

// Sample draws one integer.
func (g *Gaussian) Sample() (*big.Int, error) {
	for {
		y, err := g.laplace()
		if err != nil {
			return nil, err
		}
		// gamma = (|y| - sigma^2/t)^2 / (2 sigma^2) = (|y| t - sigma^2)^2 / (2 sigma^2 t^2)
		num := new(big.Int).Abs(y)
		num.Mul(num, g.t).Sub(num, g.sigma2)
		keep, err := g.bernoulliExp(num.Mul(num, num), g.den)
		if err != nil {
			return nil, err
		}
		if keep {
			return y, nil
		}
	}
}

// laplace draws y with P(y) proportional to exp(-|y|/t): algorithm 2 with s = 1.
func (g *Gaussian) laplace() (*big.Int, error) {
	for {
		u, err := below(g.rand, g.t)
		if err != nil {
			return nil, err
		}
		keep, err := g.bernoulliExp(u, g.t)
		if err != nil {
			return nil, err
		}
		if !keep {
			continue
		}
		v := int64(0)
		for {
			again, err := g.bernoulliExp1(one, one)
			if err != nil {
				return nil, err
			}
			if !again {
				break
			}
			v++
		}
		x := new(big.Int).Mul(g.t, big.NewInt(v))
		x.Add(x, u)
		minus, err := below(g.rand, big.NewInt(2))
		if err != nil {
			return nil, err
		}
		if minus.Sign() == 0 {
			return x, nil
		}
		if x.Sign() != 0 { // 0 must not count twice
			return x.Neg(x), nil
		}
	}
}

// bernoulliExp is true with probability exp(-num/den), num/den >= 0.
func (g *Gaussian) bernoulliExp(num, den *big.Int) (bool, error) {
	whole, rest := new(big.Int).QuoRem(num, den, new(big.Int))
	for ; whole.Sign() > 0; whole.Sub(whole, one) {
		if ok, err := g.bernoulliExp1(one, one); err != nil || !ok {
			return false, err
		}
	}
	return g.bernoulliExp1(rest, den)
}

// bernoulliExp1 is the same for num/den in [0, 1]: algorithm 1. The number of
// successes of Bernoulli(gamma/k), k = 1, 2, ... before the first failure is even with probability exp(-gamma).
func (g *Gaussian) bernoulliExp1(num, den *big.Int) (bool, error) {
	d := new(big.Int).Set(den)
	for k := 1; ; k++ {
		x, err := below(g.rand, d)
		if err != nil {
			return false, err
		}
		if x.Cmp(num) >= 0 {
			return k%2 == 1, nil
		}
		d.Add(d, den)
	}
}

// below draws an integer uniform in [0, m), m > 0.
func below(r io.Reader, m *big.Int) (*big.Int, error) {
	bits := new(big.Int).Sub(m, one).BitLen()
	buf := make([]byte, (bits+7)/8)
	x := new(big.Int)
	for {
		if _, err := io.ReadFull(r, buf); err != nil {
			return nil, fmt.Errorf("mhe: noise: randomness: %w", err)
		}
		if rest := bits % 8; rest != 0 {
			buf[0] &= 1<<rest - 1
		}
		if x.SetBytes(buf).Cmp(m) < 0 {
			return x, nil
		}
	}
}
