package secagg_test

import (
	"encoding/binary"
	"testing"

	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// distinct fails if two of the digests are the same.
func distinct(t *testing.T, what string, digests ...[32]byte) {
	t.Helper()
	seen := map[[32]byte]int{}
	for i, d := range digests {
		if j, twice := seen[d]; twice {
			t.Errorf("%s: numbers %d and %d are the same", what, j, i)
		}
		seen[d] = i
	}
}

func TestKeyScheduleSeparatesLabelsAndContexts(t *testing.T) {
	s, x, y := make([]byte, 32), []byte("x"), []byte("y")
	distinct(t, "derive",
		secagg.Derive(s, "mask", x), secagg.Derive(s, "mac", x), secagg.Derive(s, "mask", y), secagg.Derive(s, "mask"),
		secagg.Derive(s, "mask", x, y), secagg.Derive(s, "mask", y, x), secagg.Derive(s, "mask", []byte("xy")), secagg.Derive(s, "maskx"),
		secagg.Derive(append(s[:31:31], 1), "mask", x), secagg.Derive(s[:31], "mask", x))
}

func TestLabelBindsTranscriptAskStateSequenceAndCells(t *testing.T) {
	one := [32]byte{1}
	ask := func(change func(*secagg.Ask)) secagg.Ask {
		a := secagg.Ask{Cells: 3}
		change(&a)
		return a
	}
	same := ask(func(*secagg.Ask) {})
	distinct(t, "label",
		secagg.LabelDigest([32]byte{}, same, 1), secagg.LabelDigest(one, same, 1), secagg.LabelDigest([32]byte{}, same, 2),
		secagg.LabelDigest([32]byte{}, ask(func(a *secagg.Ask) { a.Digest = one }), 1),
		secagg.LabelDigest([32]byte{}, ask(func(a *secagg.Ask) { a.State = one }), 1),
		secagg.LabelDigest([32]byte{}, ask(func(a *secagg.Ask) { a.Cells = 4 }), 1))
}

func TestChallengeBindsLabelHeadsAndSum(t *testing.T) {
	z, one := [32]byte{}, [32]byte{1}
	distinct(t, "challenge", secagg.FoldDigest(z, z, z), secagg.FoldDigest(one, z, z), secagg.FoldDigest(z, one, z), secagg.FoldDigest(z, z, one))
	distinct(t, "commitment", secagg.OwnCommitment(z, "a", z), secagg.OwnCommitment(one, "a", z), secagg.OwnCommitment(z, "b", z), secagg.OwnCommitment(z, "a", one))
}

// Own masks are given away at the unlock, to members and in the worst case by
// them to the hub. What is left, the pair masks, must hide a vector alone:
// uniform for every member, fresh for every label, and cancelling only in the sum of all.
func TestPairMasksHideAVectorAlone(t *testing.T) {
	const cells = 1 << 12
	w := prototest.NewWith(t, 60, func(c *secagg.Charter) { c.Limits.Cells = cells }, "a", "b", "c")
	w.SetUp()
	left := map[string][][]uint64{}
	w.Seen = func(m round.Message) {
		e := prototest.Peek(m)
		if e.Type != wire.Type_MASKED {
			return
		}
		bulk, head := new(wire.Masked), new(wire.Head)
		if wire.Decode(e.Bulk, bulk) != nil || wire.Decode(e.Body, head) != nil {
			t.Fatal("unreadable")
		}
		own := w.Member(m.From).Session.OwnMask([32]byte(head.Label), cells)
		var v []uint64
		for k := 0; k < len(own); k += 16 { // low words of y - own
			v = append(v, binary.LittleEndian.Uint64(bulk.Vector[k:])-binary.LittleEndian.Uint64(own[k:]))
		}
		left[e.Sender] = append(left[e.Sender], v)
	}
	for n := 1; n <= 2; n++ {
		zeros := make(secagg.Vector, cells)
		w.Sum(prototest.Ask(n, cells), []secagg.Vector{zeros, zeros, zeros})
	}
	minus := func(a, b []uint64) []uint64 {
		out := make([]uint64, len(a))
		for i := range out {
			out[i] = a[i] - b[i]
		}
		return out
	}
	for id, v := range left {
		looksUniform(t, "pair masks of "+id, v[0])
		looksUniform(t, "pair masks of "+id+" for two labels", minus(v[0], v[1]))
	}
	looksUniform(t, "a against b", minus(left["a"][0], left["b"][0]))
	looksUniform(t, "a and b together", minus(left["a"][0], minus(make([]uint64, cells+1), left["b"][0])))
	for k := range cells + 1 {
		if left["a"][0][k]+left["b"][0][k]+left["c"][0][k] != 0 {
			t.Fatal("the pair masks do not cancel")
		}
	}
}
