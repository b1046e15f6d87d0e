package mhe

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

func randomShare(p Params, s shape, seed uint64) share {
	r := rand.New(rand.NewPCG(seed, 1))
	out := p.alloc(s)
	for i, prime := range p.primes(s) {
		for k := range out[i] {
			out[i][k] = r.Uint64N(p.prime(prime))
		}
		out[i][0], out[i][1] = 0, p.prime(prime)-1
	}
	return out
}

// Shapes of all kinds of shares.
func shapes(p Params) map[string]shape {
	return map[string]shape{
		"one prime": {{1, 0, false}}, "a decryption share": {{1, p.low(), false}}, "an input": {{2, p.top(), false}},
		"a refresh": {{1, p.low(), false}, {3, p.top(), false}}, "a key": {{4, p.top(), true}},
	}
}

func TestSharesSurviveThePacking(t *testing.T) {
	for _, logN := range []int{4, 6, 8} {
		p := InsecureTest(logN)
		for name, s := range shapes(p) {
			want := randomShare(p, s, 7)
			b, err := p.pack(s, want, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != p.size(s) {
				t.Errorf("%s: %d bytes, want %d", name, len(b), p.size(s))
			}
			got, err := p.unpack(s, b)
			if err != nil {
				t.Fatal(err)
			}
			for r := range want {
				for k := range want[r] {
					if got[r][k] != want[r][k] {
						t.Fatalf("%s: row %d residue %d: got %d, want %d", name, r, k, got[r][k], want[r][k])
					}
				}
			}
			back, err := p.parseShape(s.encode())
			if err != nil || !bytes.Equal(back.encode(), s.encode()) {
				t.Errorf("%s: shape %v came back as %v, %v", name, s, back, err)
			}
		}
	}
}

// Packed residues are the share's bits, low bits first, row by row, at the widths of
// all primes: bit by bit, the slow way.
func TestPackedBitsAreTheResidues(t *testing.T) {
	for _, logN := range []int{4, 7} {
		p := InsecureTest(logN)
		s := shape{{2, p.top(), true}}
		sh := randomShare(p, s, 11)
		b, err := p.pack(s, sh, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, at := make([]byte, p.size(s)), 0
		for r, prime := range p.primes(s) {
			for _, x := range sh[r] {
				for k := range bits.Len64(p.prime(prime)) {
					want[at/8] |= byte(x>>k&1) << (at % 8)
					at++
				}
			}
		}
		if !bytes.Equal(b, want) {
			t.Errorf("logN %d: packed otherwise", logN)
		}
	}
}

// A claim is the sum of the share's residues times the products that belong to them, one after the other.
func TestClaimsAreSumsOfProducts(t *testing.T) {
	for _, logN := range []int{4, 8} {
		p := InsecureTest(logN)
		s := shape{{1, p.low(), false}, {3, p.top(), true}}
		sh, at := randomShare(p, s, 4), p.challenge(s, [32]byte{7})
		want, row := map[int]*[points]big.Int{}, map[int]int{}
		number := func(x uint64) *big.Int { return new(big.Int).SetUint64(x) }
		for r, prime := range p.primes(s) {
			if want[prime] == nil {
				want[prime] = new([points]big.Int)
			}
			q := number(p.prime(prime))
			back := new(big.Int).ModInverse(new(big.Int).Lsh(one, 64), q) // of Montgomery's form
			back.Exp(back, big.NewInt(3), q)
			for j, v := range sh[r] {
				for k := range points {
					f := at[prime][k]
					x := new(big.Int).Mul(number(f.rows[row[prime]]), number(f.stretches[j/stretch]))
					x.Mul(x, number(f.places[j%stretch])).Mul(x, back).Mul(x, number(v))
					want[prime][k].Mod(x.Add(x, &want[prime][k]), q)
				}
			}
			row[prime]++
		}
		packed, err := p.pack(s, sh, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.foldPacked(s, p.cut(s, false, packed), at, make([]uint64, p.Degree()))
		if err != nil {
			t.Fatal(err)
		}
		got := p.fold(s, sh, at)
		if len(got) != len(want) || len(again) != len(want) {
			t.Fatalf("claims for %d and %d primes, want %d", len(got), len(again), len(want))
		}
		for prime, w := range want {
			for k := range points {
				if got[prime][k] != w[k].Uint64() || again[prime][k] != w[k].Uint64() {
					t.Fatalf("prime %d, number %d: %d and %d, want %d", prime, k, got[prime][k], again[prime][k], w[k].Uint64())
				}
			}
		}
	}
}

func TestStandardSharesHaveTheirSizes(t *testing.T) {
	p, err := NewParams(Standard())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what  string
		shape shape
		want  int
	}{
		{"decryption share", shape{{1, 4, false}}, 256 * 2048},
		{"output", shape{{1, 6, false}}, 354 * 2048},
		{"relinearisation, round 1", p.keyShape(2), 6 * 411 * 2048},
		{"relinearisation, round 2", p.keyShape(1), 3 * 411 * 2048},
	} {
		if got := p.size(tc.shape); got != tc.want {
			t.Errorf("%s: %d bytes, want %d", tc.what, got, tc.want)
		}
	}
}

// Lengths and residues that no shape allows never reach the ring.
func TestMalformedSharesAreRefused(t *testing.T) {
	p := InsecureTest(5)
	s := shape{{2, 3, false}}
	good, err := p.pack(s, randomShare(p, s, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	row := p.rowSize(0)
	beyond := bytes.Clone(good)
	for i := range row {
		beyond[i] = 0xff
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "one byte less": good[:len(good)-1], "one byte more": append(bytes.Clone(good), 0), "half": good[:len(good)/2],
		"a row more": append(bytes.Clone(good), good[:row]...), "residues of all ones": beyond,
		"eight coefficients more": append(bytes.Clone(good), make([]byte, 60)...),
	} {
		if _, err := p.unpack(s, b); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// A residue that is exactly the prime, or one bit above: refused both ways.
	for _, x := range []uint64{p.prime(2), 1<<64 - 1} {
		sh := randomShare(p, s, 2)
		sh[2][5] = x
		if _, err := p.pack(s, sh, nil); err == nil {
			t.Errorf("residue %d modulo %d was packed", x, p.prime(2))
		}
	}
	sh := randomShare(p, s, 3)
	sh[1] = sh[1][:len(sh[1])-8]
	if _, err := p.pack(s, sh, nil); err == nil {
		t.Error("a ragged share was packed")
	}
	if _, err := p.unpack(shape{{}}, make([]byte, 32)); err == nil {
		t.Error("a coin was taken for polynomials")
	}
	for _, b := range [][]byte{nil, {0}, {0, 1, 7, 0}, {0, 1, 6, 2}, {0, 0, 1, 0}, {0, 0, 0, 0, 0, 1, 4, 0}, {0, 1, 4, 0, 0, 0, 0, 0}, {0, 1, 4, 0, 0}} {
		if s, err := p.parseShape(b); err == nil {
			t.Errorf("shape %x was read as %v", b, s)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	p := InsecureTest(4)
	for name, s := range shapes(p) {
		b, err := p.pack(s, randomShare(p, s, 5), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.encode(), b)
		f.Add(s.encode(), b[:len(b)/2])
		f.Add([]byte(name), b)
	}
	f.Fuzz(func(t *testing.T, sh, b []byte) {
		if len(sh) > 64 || len(b) > 1<<16 {
			return
		}
		s, err := p.parseShape(sh)
		if err != nil || p.size(s) > 1<<20 {
			return
		}
		if !bytes.Equal(s.encode(), sh) {
			t.Fatalf("shape %x has a second spelling %x", sh, s.encode())
		}
		x, err := p.unpack(s, b)
		if err != nil {
			return
		}
		again, err := p.pack(s, x, nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("a share of shape %x has a second spelling (%v)", sh, err)
		}
	})
}

func FuzzClaim(f *testing.F) {
	p := InsecureTest(4)
	s := shape{{1, 2, false}}
	f.Add(p.encodeClaim(p.fold(s, randomShare(p, s, 1), p.challenge(s, [32]byte{1}))))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := p.parseClaim(s, b)
		if err == nil && !bytes.Equal(p.encodeClaim(c), b) {
			t.Fatal("a claim has a second spelling")
		}
	})
}

// Claims add up exactly for the true sum, and for no sum that differs in one
// residue, wherever it is and by however much.
func TestClaimsCatchEveryChange(t *testing.T) {
	p := InsecureTest(4)
	for name, s := range shapes(p) {
		a, b := randomShare(p, s, 1), randomShare(p, s, 2)
		at := p.challenge(s, [32]byte{9})
		total := claim{}
		p.addClaim(total, p.fold(s, a, at))
		p.addClaim(total, p.fold(s, b, at))
		p.addTo(s, a, b)
		same := func() bool {
			sum := p.fold(s, a, at)
			for i, v := range sum {
				if total[i] != v {
					return false
				}
			}
			return len(sum) == len(total)
		}
		if !same() {
			t.Fatalf("%s: the claims do not add up to the sum", name)
		}
		list := p.primes(s)
		for r := range a {
			for _, k := range []int{0, len(a[r]) - 1} {
				q := p.prime(list[r])
				for _, d := range []uint64{1, q / 2, q - 1} {
					old := a[r][k]
					if a[r][k] = (old + d) % q; same() {
						t.Errorf("%s: row %d residue %d changed by %d, unnoticed", name, r, k, d)
					}
					a[r][k] = old
				}
			}
		}
		// Two rows of one prime swapped are another share.
		if len(list) > 1 && list[0] == list[len(list)-1] {
			if a[0], a[len(a)-1] = a[len(a)-1], a[0]; same() {
				t.Errorf("%s: swapped rows, unnoticed", name)
			}
		}
	}
}

// No bytes of another party reach a decoder of the library, and nothing encodes
// into slots: the calls and imports that could are not in this package.
func TestForbiddenCallsAreAbsent(t *testing.T) {
	banned := map[string]string{
		"UnmarshalBinary": "decodes with lengths of a stranger", "ReadFrom": "decodes with lengths of a stranger",
		"MarshalBinary": "fails on scales beyond 2^100", "UnmarshalJSON": "decodes metadata of a stranger",
		"LogDimensions": "sparse packings leave coefficients unmasked", "NewEncoder": "rounds differently on other processors",
		"NewKeySwitchProtocol": "floods with the library's sampler", "NewRefreshProtocol": "masks what the metadata says",
		"NewPublicKeySwitchProtocol": "floods with the library's sampler", "NewThresholdizer": "another set of members is a second share",
		"EncryptNew": "", "Decryptor": "", "NewDecryptor": "",
	}
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		looked++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			for _, part := range []string{"/he/", "/schemes/", "/mhefloat", "/mheint", "/bootstrapping", "encoding/gob", "math/rand", "net", "\"os\"", "\"time\"", "\"log\""} {
				if path := i.Path.Value; strings.Contains(path, part) || path == part {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine", name)
			}
			if s, ok := n.(*ast.SelectorExpr); ok {
				if why, bad := banned[s.Sel.Name]; bad {
					t.Errorf("%s uses %s: %s", name, s.Sel.Name, why)
				}
			}
			return true
		})
	}
	if looked < 10 {
		t.Errorf("only %d files were looked at", looked)
	}
}
