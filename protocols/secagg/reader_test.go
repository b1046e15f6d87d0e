package secagg_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
	"github.com/consilium-health/consilium/protocols/prototest"
	"github.com/consilium-health/consilium/protocols/round"
	"github.com/consilium-health/consilium/protocols/secagg"
	"github.com/consilium-health/consilium/protocols/wire"
)

// collected runs one sum for a reader and returns what the hub wrote.
func collected(t testing.TB, seed uint64) (w *prototest.World, reader *party.Identity, total secagg.Vector, pkg []byte) {
	t.Helper()
	reader, err := party.NewIdentity(prototest.Rand(seed, "reader"))
	if err != nil {
		t.Fatal(err)
	}
	key := reader.Public()
	w = prototest.NewWith(t, seed, func(c *secagg.Charter) { c.Release, c.Reader = secagg.ReleaseAnalyst, key.Digest() }, "a", "b", "c")
	for _, m := range w.Members {
		m.Config.Reader = &key
	}
	w.SetUp()
	in, total := prototest.RandomInputs(prototest.Rand(seed, "in"), 3, 4)
	for id, got := range w.Sum(prototest.Ask(1, 4), in) {
		if got.Sum != nil {
			t.Errorf("%s knows the total", id)
		}
	}
	s := w.Close(wire.Code_DONE)
	if s.Failure != nil || len(s.Packages) != 1 {
		t.Fatalf("hub: %d packages, %v", len(s.Packages), s.Failure)
	}
	return w, reader, total, s.Packages[0]
}

func TestReaderOpensTheTotalAndNobodyElse(t *testing.T) {
	w, reader, want, pkg := collected(t, 40)
	got, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, prototest.Ask(1, 4), pkg)
	if err != nil || !prototest.Equal(got.Sum, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := secagg.OpenAtReader(w.Member("a").Identity, w.Charter, w.Roster, prototest.Ask(1, 4), pkg); err == nil {
		t.Error("a member opened what is for the reader")
	}
	// Even with the reader's name in the charter, its key is needed.
	c := w.Charter
	c.Reader = w.Member("a").Identity.Public().Digest()
	if _, err := secagg.OpenAtReader(w.Member("a").Identity, c, w.Roster, prototest.Ask(1, 4), pkg); err == nil {
		t.Error("a member opened what is for the reader under another charter")
	}
}

func TestReaderBelievesNothing(t *testing.T) {
	w, reader, _, pkg := collected(t, 41)
	edit := func(f func(*wire.Package)) []byte {
		p := new(wire.Package)
		if err := wire.Decode(pkg, p); err != nil {
			t.Fatal(err)
		}
		f(p)
		b, err := wire.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	flip := func(b []byte, at int) { b[at] ^= 1 }
	for _, tc := range []struct {
		name string
		pkg  []byte
	}{
		{"a cell changed", edit(func(p *wire.Package) { flip(p.Vector, 17) })},
		{"a cell shifted by 2^127", edit(func(p *wire.Package) { p.Vector[31] ^= 0x80 })},
		{"a carry changed", edit(func(p *wire.Package) { flip(p.Carry, 1) })},
		{"an impossible carry", edit(func(p *wire.Package) { p.Carry[1] = 3 })},
		{"a cell cut off", edit(func(p *wire.Package) { p.Vector, p.Carry = p.Vector[:64], p.Carry[:4] })},
		{"a head missing", edit(func(p *wire.Package) { p.Heads = p.Heads[:2] })},
		{"heads swapped", edit(func(p *wire.Package) { p.Heads[0], p.Heads[1] = p.Heads[1], p.Heads[0] })},
		{"unlocks swapped", edit(func(p *wire.Package) { p.Unlocks[0], p.Unlocks[1] = p.Unlocks[1], p.Unlocks[0] })},
		{"a head for an unlock", edit(func(p *wire.Package) { p.Unlocks[0] = p.Heads[0] })},
		{"an ed25519 signature changed", edit(func(p *wire.Package) { flip(p.Heads[1], len(p.Heads[1])-3373) })},
		{"an ml-dsa-65 signature changed", edit(func(p *wire.Package) { flip(p.Unlocks[1], len(p.Unlocks[1])-1) })},
		{"another sequence", edit(func(p *wire.Package) { p.Sequence = 2 })},
		{"another attempt", edit(func(p *wire.Package) { p.Attempt = 2 })},
		{"another charter", edit(func(p *wire.Package) { flip(p.Charter, 0) })},
		{"another version", edit(func(p *wire.Package) { p.Version = 2 })},
		{"trailing byte", append(bytes.Clone(pkg), 0)},
		{"empty", nil},
		{"too long", make([]byte, 1<<20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, prototest.Ask(1, 4), tc.pkg); err == nil {
				t.Errorf("opened %v", got)
			}
		})
	}
	// An impossible carry is named as such, before anything is computed from it.
	var stopped *round.Abort
	impossible := edit(func(p *wire.Package) { p.Carry[1] = 3 })
	if _, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, prototest.Ask(1, 4), impossible); !errors.As(err, &stopped) || stopped.Code != wire.Code_CARRY {
		t.Errorf("a carry of 3 with 3 members: %v", err)
	}
	for _, ask := range []secagg.Ask{prototest.Ask(2, 4), {Digest: prototest.Ask(1, 4).Digest, State: prototest.Ask(1, 4).State, Cells: 4, Shown: true}, {Digest: prototest.Ask(1, 4).Digest, Cells: 4}, {Digest: prototest.Ask(1, 4).Digest, State: prototest.Ask(1, 4).State, Cells: 3}} {
		if _, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, ask, pkg); err == nil {
			t.Error("opened as another sum than it is")
		}
	}
}

func TestEveryChangedBitOfAPackageIsRefused(t *testing.T) {
	w, reader, _, pkg := collected(t, 42)
	d := prototest.Rand(42, "bits")
	for range flippedBits {
		b, at := bytes.Clone(pkg), d.IntN(8*len(pkg))
		b[at/8] ^= 1 << (at % 8)
		if _, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, prototest.Ask(1, 4), b); err == nil {
			t.Errorf("bit %d is of no importance", at)
		}
	}
}

// One sum for the reader alone, one that is shown. What members and hub have
// seen together opens the second and not the first; the reader has both.
func TestMembersLearnWhatIsShownAndNothingElse(t *testing.T) {
	reader, err := party.NewIdentity(prototest.Rand(43, "reader"))
	if err != nil {
		t.Fatal(err)
	}
	key := reader.Public()
	w := prototest.NewWith(t, 43, func(c *secagg.Charter) { c.Release, c.Reader = secagg.ReleaseAnalyst, key.Digest() }, "a", "b", "c")
	for _, m := range w.Members {
		m.Config.Reader = &key
	}
	unlocks := map[uint64][]*wire.Unlock{}
	w.Seen = func(m round.Message) {
		if e := prototest.Peek(m); e.Type == wire.Type_UNLOCK {
			u := new(wire.Unlock)
			if err := wire.Decode(e.Body, u); err != nil {
				t.Fatal(err)
			}
			unlocks[e.Sequence] = append(unlocks[e.Sequence], u)
		}
	}
	w.SetUp()
	in, want := prototest.RandomInputs(prototest.Rand(43, "in"), 3, 4)
	asks := []secagg.Ask{prototest.Ask(1, 4), prototest.Ask(2, 4)}
	asks[1].Shown = true
	for k, ask := range asks {
		for id, got := range w.Sum(ask, in) {
			if (got.Sum != nil) != ask.Shown || ask.Shown && !prototest.Equal(got.Sum, want) {
				t.Errorf("sum %d: %s knows %v", k+1, id, got.Sum)
			}
		}
	}
	// Every stretch of every unlock, under every key that members have.
	veil, err := secagg.SessionOf(w.Members[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	for k, ask := range asks {
		opens := 0
		for _, u := range unlocks[uint64(k+1)] {
			for at := 0; at+wire.VeiledSize <= len(u.Own); at++ {
				for j := range w.Members {
					if veil.OpenVeiled([32]byte(u.Label), j, u.Own[at:at+wire.VeiledSize]) {
						opens++
					}
				}
			}
		}
		if want := map[bool]int{true: 3, false: 0}[ask.Shown]; opens != want {
			t.Errorf("sum %d: members can open %d own masks, want %d", k+1, opens, want)
		}
	}
	s := w.Close(wire.Code_DONE)
	if len(s.Packages) != 2 {
		t.Fatalf("%d packages, want one for every sum", len(s.Packages))
	}
	for k, ask := range asks {
		got, err := secagg.OpenAtReader(reader, w.Charter, w.Roster, ask, s.Packages[k])
		if err != nil || !prototest.Equal(got.Sum, want) {
			t.Errorf("sum %d: the reader opens %v, %v", k+1, got, err)
		}
	}
}
