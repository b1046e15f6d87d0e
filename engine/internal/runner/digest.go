package runner

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"github.com/consilium-health/consilium/engine/stat"
)

// digest hashes length-prefixed fields.
type digest struct{ h hash.Hash }

func newDigest(label string, parent [32]byte) digest {
	d := digest{sha256.New()}
	d.text("consilium/1 " + label)
	d.h.Write(parent[:])
	return d
}

func (d digest) number(x uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], x)
	d.h.Write(b[:])
}

func (d digest) flag(b bool) {
	if b {
		d.number(1)
	} else {
		d.number(0)
	}
}

func (d digest) text(s string) {
	d.number(uint64(len(s)))
	d.h.Write([]byte(s))
}

// ask binds what is opened, of which cells, at which resolution and state.
func (d digest) ask(o stat.Opening, a stat.Ask) {
	d.text(o.What)
	d.number(uint64(len(a.Cells)))
	for _, c := range a.Cells {
		d.text(c.Name)
		d.number(math.Float64bits(c.Max))
		d.number(uint64(c.Step.M))
		d.number(uint64(int64(c.Step.E10)))
		d.number(uint64(int64(c.Step.E2)))
	}
	if a.From != nil {
		d.number(uint64(a.From.Circuit))
		d.number(uint64(a.From.Outcome))
	}
	d.number(uint64(len(a.State)))
	for _, x := range a.State {
		d.number(math.Float64bits(x))
	}
}

func (d digest) sum() (s [32]byte) {
	d.h.Sum(s[:0])
	return s
}
