package mhe

import (
	"math/big"
	"strings"
	"testing"
)

func TestStandardParametersMeetTheQuantumCap(t *testing.T) {
	lit := Standard()
	p, err := NewParams(lit)
	if err != nil {
		t.Fatal(err)
	}
	if got := lit.logQP(); got != 411 {
		t.Errorf("logQP is %d, want 411", got)
	}
	for _, want := range []struct {
		what      string
		got, want int
	}{
		{"degree", p.Degree(), 16384},
		{"bits at level 6", product(lit.Q).BitLen(), 354},
		{"bits at level 4", product(lit.Q[:5]).BitLen(), 256},
		{"hiding", p.Hiding(), 105},
		{"members", p.MaxMembers(), 200},
	} {
		if want.got != want.want {
			t.Errorf("%s: got %d, want %d", want.what, want.got, want.want)
		}
	}
	// 200 masks of 2^245 and a value of 2^122 stay below half of Q_4.
	sum := new(big.Int).Lsh(big.NewInt(200), 245)
	sum.Add(sum, new(big.Int).Lsh(one, 122)).Lsh(sum, 1)
	if sum.Cmp(product(lit.Q[:5])) >= 0 {
		t.Error("masks of 200 members wrap")
	}
	if !p.Secure() || InsecureTest(8).Secure() {
		t.Error("Secure does not tell the standard set from a test's")
	}
}

func TestParametersBeyondTheBarAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Literal)
		err    string
	}{
		{"one bit above the cap", func(l *Literal) { l.P[0] = primeOf(54) }, "log2 of the largest modulus is 412, want at most 411"},
		{"a smaller ring", func(l *Literal) { l.LogN = 13 }, "want at most 202"},
		{"a toy ring", func(l *Literal) { l.LogN = 10 }, "want 2^13, 2^14 or 2^15"},
		{"sparse secrets", func(l *Literal) { l.Density = 0.01 }, "no sparse secrets"},
		{"small errors", func(l *Literal) { l.Sigma = 3.1 }, "want 3.2 to 8"},
		{"no errors", func(l *Literal) { l.Sigma = 0 }, "want 3.2 to 8"},
		{"a mask that hides too little", func(l *Literal) { l.LogMask = 240 }, "hides 99 bits"},
		{"a mask that wraps", func(l *Literal) { l.LogMask = 256 }, "wrap"},
		{"another scale", func(l *Literal) { l.LogScale = 97 }, "away from the scale"},
		{"an encryption beyond the cap", func(l *Literal) { l.Q = append([]uint64{primeOf(59)}, l.Q...) }, "want at most 411"},
		{"no auxiliary prime", func(l *Literal) { l.P = nil }, "primes"}, {"one auxiliary prime", func(l *Literal) { l.P = l.P[:1] }, "primes"},
		{"not a prime", func(l *Literal) { l.Q[3] += 2 }, "parameters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lit := Standard()
			tc.change(&lit)
			if _, err := NewParams(lit); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

// Each cap and one bit more, at each degree.
func TestCapsAreThoseOfTheQuantumColumn(t *testing.T) {
	for logN, want := range map[int]int{12: 0, 13: 202, 14: 411, 15: 827, 16: 0} {
		if got := quantumCap(logN); got != want {
			t.Errorf("degree 2^%d: cap %d, want %d", logN, got, want)
		}
	}
}

// primeOf returns a prime of so many bits that is 1 mod 2^16.
func primeOf(bits uint) uint64 {
	x := uint64(1)<<bits + 1 - 1<<16
	for !new(big.Int).SetUint64(x).ProbablyPrime(20) {
		x -= 1 << 16
	}
	return x
}

func TestDigestBindsEveryField(t *testing.T) {
	seen := map[[32]byte]string{InsecureTest(8).Digest(): "as it is"}
	for name, change := range map[string]func(*Literal){
		"name": func(l *Literal) { l.Name = "x" }, "degree": func(l *Literal) { l.LogN++ },
		"q": func(l *Literal) { l.Q[2] += 2 }, "p": func(l *Literal) { l.P[0] += 2 },
		"scale": func(l *Literal) { l.LogScale++ }, "mask": func(l *Literal) { l.LogMask++ },
		"sigma": func(l *Literal) { l.Sigma = 4 }, "density": func(l *Literal) { l.Density = 1 },
	} {
		lit := InsecureTest(8).lit
		lit.Q, lit.P = append([]uint64{}, lit.Q...), append([]uint64{}, lit.P...)
		change(&lit)
		d := Params{lit: lit}.Digest()
		if other, twice := seen[d]; twice {
			t.Errorf("%s: the digest is that of %s", name, other)
		}
		seen[d] = name
	}
}
