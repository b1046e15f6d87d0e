package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

type body = interface {
	Message
	Check(int) error
}

func protoBytes(b []byte) protoreflect.Value { return protoreflect.ValueOfBytes(b) }

// everything is one empty message of each kind there is.
func everything() []Message {
	return []Message{
		new(Envelope), new(Hello), new(Hellos), new(Seal), new(Seals), new(Head), new(Masked), new(Summed), new(Unlock), new(Unlocks),
		new(Collected), new(Close), new(Closed), new(Stop), new(Package), new(Recall), new(Seen), new(Relayed),
		new(Began), new(Sealing), new(Agreed), new(Sent), new(Frozen), new(Unlocked), new(Totalled), new(Ended), new(Evidence), new(Rolledback), new(Restored),
		new(Notice), new(Submission), new(Decision), new(Proposal), new(Leaving), new(Delivery), new(Outcome), new(Telling), new(Handing), new(Standing),
		new(Conclusion),
	}
}

// FuzzOpen: whatever Open accepts encodes to the same bytes.
func FuzzOpen(f *testing.F) {
	l := Limits{Members: 3, Cells: 2}
	for _, e := range full(f, l) {
		e.Sender, e.Recipient = "a", "hub"
		f.Add(encode(f, e))
	}
	f.Add([]byte{0x08, 1, 0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Open(b, l)
		if err != nil {
			return
		}
		if again := encode(t, e); !bytes.Equal(again, b) {
			t.Errorf("accepted %x, encodes to %x", b, again)
		}
	})
}

// FuzzDecode: the same for every message and record, whatever its lengths; and
// the checks of lengths hold on whatever decodes.
func FuzzDecode(f *testing.F) {
	for _, e := range full(f, Limits{Members: 3, Cells: 2}) {
		for kind := range everything() {
			f.Add(kind, e.Body)
			f.Add(kind, e.Bulk)
		}
	}
	f.Fuzz(func(t *testing.T, kind int, b []byte) {
		all := everything()
		m := all[int(uint(kind)%uint(len(all)))]
		if len(b) > 1<<16 || Decode(b, m) != nil {
			return
		}
		if again := encode(t, m); !bytes.Equal(again, b) {
			t.Errorf("%T: accepted %x, encodes to %x", m, b, again)
		}
		if c, ok := m.(body); ok {
			c.Check(3)
		}
	})
}
