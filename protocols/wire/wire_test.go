package wire

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func envelope(t Type, body, bulk []byte) *Envelope {
	e := &Envelope{
		Version: Version, Plan: make([]byte, 32), Attempt: 1, Type: t, Sender: "a", Recipient: "hub", Body: body, Bulk: bulk,
		Signatures: make([]byte, SignatureSize),
	}
	if t >= Type_MASKED && t <= Type_COLLECTED {
		e.Sequence = 1
	}
	return e
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeAcceptsOneSpellingOnly(t *testing.T) {
	good := encode(t, &Stop{Code: Code_FOLD, Who: "b"})
	if err := Decode(good, new(Stop)); err != nil {
		t.Fatal(err)
	}
	code := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(Code_FOLD))
	who := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "b")
	for _, tc := range []struct {
		name string
		b    []byte
	}{
		{"trailing byte", append(bytes.Clone(good), 0)},
		{"unknown field", protowire.AppendVarint(protowire.AppendTag(bytes.Clone(good), 9, protowire.VarintType), 1)},
		{"unknown group", append(bytes.Clone(good), 0x4b, 0x4c)},
		{"long integer", append([]byte{0x08, byte(Code_FOLD) | 0x80, 0x00}, who...)},
		{"long tag", append([]byte{0x88, 0x00, byte(Code_FOLD)}, who...)},
		{"misordered", slices.Concat(who, code)},
		{"field twice", slices.Concat(code, code, who)},
		{"explicit zero", slices.Concat([]byte{0x08, 0}, who)},
		{"explicit empty", append(bytes.Clone(code), 0x12, 0)},
		{"wrong wire type", append(bytes.Clone(code), 0x10, 1)},
		{"not utf-8", append(bytes.Clone(code), 0x12, 1, 0xff)},
		{"truncated", good[:len(good)-1]},
		{"length of 2^40", append(bytes.Clone(code), 0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20)},
		{"negative enum", slices.Concat([]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00}, who)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := Decode(tc.b, new(Stop)); err == nil {
				t.Errorf("accepted %x, the same as %x", tc.b, good)
			}
		})
	}
}

// Large byte fields are not copied, and have one spelling and one place all the same.
func TestLargeFieldsHaveOneSpellingToo(t *testing.T) {
	const body, bulk, after = 8, 9, 10
	field := func(num protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), v)
	}
	long, longer, short := bytes.Repeat([]byte{1}, large), bytes.Repeat([]byte{2}, 3*large), []byte{3}
	e := envelope(Type_SHARE, long, longer)
	good := encode(t, e)
	got := new(Envelope)
	if err := Decode(good, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Body, long) || !bytes.Equal(got.Bulk, longer) || !bytes.Equal(encode(t, got), good) {
		t.Error("large fields came back otherwise")
	}
	if at := bytes.Index(good, longer); &got.Bulk[0] != &good[at] || cap(got.Bulk) != len(longer) {
		t.Error("the bulk is a copy, or reaches beyond its end")
	}
	head := encode(t, envelope(Type_SHARE, nil, nil))
	head = head[:bytes.LastIndex(head, field(after, e.Signatures))]
	sig, unknown := field(after, e.Signatures), field(20, longer)
	padded := slices.Concat(protowire.AppendTag(nil, bulk, protowire.BytesType), []byte{0x80, 0x80, 0x8c, 0x00}, longer)
	if n, _ := protowire.ConsumeVarint(padded[1:]); int(n) != len(longer) {
		t.Fatalf("padded to %d", n)
	}
	for name, b := range map[string][]byte{
		"misordered":             slices.Concat(head, field(bulk, longer), field(body, long), sig),
		"behind the signatures":  slices.Concat(head, field(body, long), sig, field(bulk, longer)),
		"before the head":        slices.Concat(field(bulk, longer), head, sig),
		"twice":                  slices.Concat(head, field(bulk, longer), field(bulk, longer), sig),
		"short, then large":      slices.Concat(head, field(bulk, short), field(bulk, longer), sig),
		"large, then short":      slices.Concat(head, field(bulk, longer), field(bulk, short), sig),
		"large, then empty":      slices.Concat(head, field(bulk, longer), field(bulk, nil), sig),
		"unknown":                slices.Concat(head, field(bulk, longer), sig, unknown),
		"a long length":          slices.Concat(head, padded, sig),
		"a long tag":             slices.Concat(head, []byte{bulk<<3 | 2 | 0x80, 0}, field(bulk, longer)[1:], sig),
		"truncated":              good[:len(good)-SignatureSize-10],
		"a group of a large one": slices.Concat(head, sig, []byte{20<<3&0x7f | 3 | 0x80, 1}, field(bulk, longer), []byte{20<<3&0x7f | 4 | 0x80, 1}),
		"a name of large size":   slices.Concat(encode(t, &Envelope{Version: Version}), field(6, longer), field(7, nil)),
	} {
		if err := Decode(b, new(Envelope)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := Decode(slices.Concat(head, field(body, long), field(bulk, longer), sig), new(Envelope)); err != nil {
		t.Error("the test's own spelling is refused")
	}
}

func TestTooLongIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	l := Limits{Members: 3, Cells: 10}
	for _, tc := range []struct {
		name string
		b    []byte
		err  string
	}{
		{"a body of 64 MiB", encode(t, envelope(Type_HELLO, make([]byte, 64<<20), nil)), "a message has"},
		{"a stop the size of a sum", encode(t, envelope(Type_STOP, make([]byte, l.Max(Type_STOP)), nil)), "of type STOP has"},
		{"a length of 2^40", append(encode(t, envelope(Type_HELLO, nil, nil))[:60], 0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20), "canonical"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Open(tc.b, l)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("allocated %d bytes to refuse it", n)
			}
		})
	}
}

// full returns the largest message of every type that members and hub can mean.
func full(t testing.TB, l Limits) map[Type]*Envelope {
	n, digest := l.Members, bytes.Repeat([]byte{1}, 32)
	vector, carry := make([]byte, (l.Cells+1)*CellSize), make([]byte, l.Cells+1)
	long := strings.Repeat("x", 64)
	up := func(ty Type, body Message, bulk []byte) *Envelope {
		e := envelope(ty, encode(t, body), bulk)
		e.Attempt, e.Sender, e.Recipient = 1<<32-1, long, long
		if e.Sequence > 0 {
			e.Sequence = 1<<64 - 1
		}
		return e
	}
	down := func(ty Type, body Message) *Envelope {
		e := up(ty, body, nil)
		e.Signatures = nil
		return e
	}
	out := map[Type]*Envelope{}
	hello := &Hello{Charter: digest, Key: make([]byte, KeySize), Nonce: digest, Data: digest, Roster: digest, Heads: make([]byte, n*HeadSize)}
	out[Type_HELLO] = up(Type_HELLO, hello, nil)
	seal := &Seal{Session: digest, Parts: make([]byte, (n-1)*32)}
	out[Type_SEAL] = up(Type_SEAL, seal, make([]byte, (n-1)*PartSize))
	head := &Head{Transcript: digest, Label: digest, Ask: digest, State: digest, Cells: 1<<32 - 1, Vector: digest, Own: digest, Veil: digest, Sequence: 1<<64 - 1, Chain: digest, Shown: l.Reader}
	out[Type_MASKED] = up(Type_MASKED, head, encode(t, &Masked{Tags: make([]byte, (n-1)*TagSize), Vector: vector}))
	unlock := &Unlock{Label: digest, Heads: digest, Sum: digest, Claim: digest, Own: make([]byte, ForReaderSize)}
	veiled := &Unlock{Label: digest, Heads: digest, Sum: digest, Claim: digest, Own: make([]byte, VeiledSize)}
	if l.Reader { // the largest is for both
		unlock.Own = make([]byte, VeiledSize+ForReaderSize)
		veiled = unlock
	}
	out[Type_UNLOCK] = up(Type_UNLOCK, unlock, make([]byte, (n-1)*TagSize))
	closing := &Close{Session: digest, Label: digest, Unlocked: true, Frozen: digest, Code: Code_INTERNAL, Roster: digest, Charter: digest}
	out[Type_CLOSE] = up(Type_CLOSE, closing, nil)

	hellos, seals, summed, unlocks, closed := &Hellos{}, &Seals{}, &Summed{Vector: vector, Carry: carry}, &Unlocks{}, &Closed{}
	for range n {
		hellos.Hellos = append(hellos.Hellos, encode(t, out[Type_HELLO]))
		seals.Seals = append(seals.Seals, &Sealed{Seal: encode(t, up(Type_SEAL, seal, nil)), Part: make([]byte, PartSize)})
		summed.Heads = append(summed.Heads, &Tagged{Body: encode(t, head), Tag: make([]byte, TagSize)})
		unlocks.Unlocks = append(unlocks.Unlocks, &Tagged{Body: encode(t, veiled), Tag: make([]byte, TagSize)})
		closed.Closes = append(closed.Closes, encode(t, out[Type_CLOSE]))
	}
	out[Type_HELLOS], out[Type_SEALS], out[Type_SUMMED] = down(Type_HELLOS, hellos), down(Type_SEALS, seals), down(Type_SUMMED, summed)
	out[Type_UNLOCKS], out[Type_CLOSED] = down(Type_UNLOCKS, unlocks), down(Type_CLOSED, closed)
	out[Type_COLLECTED] = down(Type_COLLECTED, &Collected{Label: digest, Heads: digest, Sum: digest})
	out[Type_STOP] = down(Type_STOP, &Stop{Code: Code_INTERNAL, Who: long})
	out[Type_RECALL] = up(Type_RECALL, &Recall{Nonce: digest}, nil)
	out[Type_SEEN] = up(Type_SEEN, &Seen{Nonce: digest, Who: long, Head: make([]byte, HeadSize)}, nil)
	out[Type_RELAYED] = down(Type_RELAYED, &Relayed{Message: encode(t, out[Type_SEEN])})
	return out
}

func TestLimitsFitTheLargestMessageOfEveryType(t *testing.T) {
	for _, l := range []Limits{
		{Members: 2, Cells: 1}, {Members: 3, Cells: 64}, {Members: 100, Cells: 10000}, {Members: 200, Cells: 20000},
		{Members: 2, Cells: 1, Reader: true}, {Members: 100, Cells: 10, Reader: true},
	} {
		all := full(t, l)
		for ty := range all {
			got := len(encode(t, all[ty]))
			if got > l.Max(ty) {
				t.Errorf("%+v: a %v can have %d bytes, the limit is %d", l, ty, got, l.Max(ty))
			}
			if l.Max(ty) > got*5/4+300 {
				t.Errorf("%+v: a %v has at most %d bytes, the limit is %d: too generous", l, ty, got, l.Max(ty))
			}
		}
	}
	if (Limits{Members: 3, Cells: 3}).Max(Type_NONE) != 0 || (Limits{Members: 3, Cells: 3}).Max(99) != 0 {
		t.Error("a type there is not has a size")
	}
}

func TestShapesComeFromTheRoster(t *testing.T) {
	l := Limits{Members: 3, Cells: 2}
	bodies := map[Type]func() interface {
		Message
		Check(int) error
	}{
		Type_HELLO:     func() body { return new(Hello) },
		Type_HELLOS:    func() body { return new(Hellos) },
		Type_SEAL:      func() body { return new(Seal) },
		Type_SEALS:     func() body { return new(Seals) },
		Type_MASKED:    func() body { return new(Head) },
		Type_SUMMED:    func() body { return new(Summed) },
		Type_UNLOCK:    func() body { return new(Unlock) },
		Type_UNLOCKS:   func() body { return new(Unlocks) },
		Type_COLLECTED: func() body { return new(Collected) },
		Type_CLOSE:     func() body { return new(Close) },
		Type_CLOSED:    func() body { return new(Closed) },
		Type_STOP:      func() body { return new(Stop) },
		Type_RECALL:    func() body { return new(Recall) },
		Type_SEEN:      func() body { return new(Seen) },
		Type_RELAYED:   func() body { return new(Relayed) },
	}
	for ty, e := range full(t, l) {
		good := bodies[ty]()
		if err := Decode(e.Body, good); err != nil {
			t.Fatal(err)
		}
		if ty == Type_MASKED {
			good.(*Head).Cells = 2
			e.Body = encode(t, good)
		}
		if err := good.Check(3); err != nil {
			t.Errorf("%v: %v", ty, err)
		}
		// Every field of bytes one byte shorter, one byte longer, and absent.
		for i := range good.ProtoReflect().Descriptor().Fields().Len() {
			field := good.ProtoReflect().Descriptor().Fields().Get(i)
			if field.Kind().String() != "bytes" || field.IsList() || ty == Type_RELAYED {
				continue
			}
			for _, change := range []func([]byte) []byte{
				func(b []byte) []byte { return b[:len(b)-1] }, func(b []byte) []byte { return append(b, 0) }, func([]byte) []byte { return nil },
			} {
				bad := bodies[ty]()
				if err := Decode(e.Body, bad); err != nil {
					t.Fatal(err)
				}
				r := bad.ProtoReflect()
				r.Set(field, protoBytes(change(bytes.Clone(r.Get(field).Bytes()))))
				if err := bad.Check(3); err == nil {
					t.Errorf("%v: %s of %d bytes accepted", ty, field.Name(), len(r.Get(field).Bytes()))
				}
			}
		}
		if ty < Type_RECALL && ty != Type_CLOSED && ty != Type_COLLECTED && ty != Type_STOP && ty != Type_CLOSE && ty != Type_UNLOCK && ty != Type_MASKED {
			for _, n := range []int{2, 4} {
				if good.Check(n) == nil {
					t.Errorf("%v of 3 members accepted where there are %d", ty, n)
				}
			}
		}
	}
	if (&Closed{Closes: make([][]byte, 4)}).Check(3) == nil || (&Head{Cells: 0}).Check(3) == nil || (&Head{Cells: MaxCells + 1}).Check(3) == nil {
		t.Error("too many closings, no cells or too many accepted")
	}
	for _, c := range []Code{Code_UNSTATED, Code_RANGE + 1, -1} {
		if (&Stop{Code: c}).Check(3) == nil {
			t.Errorf("code %d accepted", c)
		}
	}
}

func TestEnvelopeFieldsAreChecked(t *testing.T) {
	l := Limits{Members: 3, Cells: 2}
	for _, tc := range []struct {
		name   string
		change func(*Envelope)
		err    string
	}{
		{"as it is", func(e *Envelope) {}, ""},
		{"other version", func(e *Envelope) { e.Version = 2 }, "version"},
		{"attempt 0", func(e *Envelope) { e.Attempt = 0 }, "attempt"},
		{"no type", func(e *Envelope) { e.Type = 0 }, "canonical"},
		{"unknown type", func(e *Envelope) { e.Type = 77 }, "canonical"},
		{"short plan", func(e *Envelope) { e.Plan = e.Plan[1:] }, "plan"},
		{"long sender", func(e *Envelope) { e.Sender = strings.Repeat("a", 65) }, "names"},
		{"no signatures", func(e *Envelope) { e.Signatures = nil }, "signatures"},
		{"half the signatures", func(e *Envelope) { e.Signatures = e.Signatures[:64] }, "signatures"},
		{"a signed message of the hub", func(e *Envelope) { e.Type = Type_HELLOS }, "signatures"},
		{"a sum's sequence outside sums", func(e *Envelope) { e.Sequence = 1 }, "sequence"},
		{"bulk where none belongs", func(e *Envelope) { e.Bulk = []byte{1} }, "bulk"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := envelope(Type_HELLO, []byte{1}, nil)
			tc.change(e)
			_, err := Open(encode(t, e), l)
			if (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}
