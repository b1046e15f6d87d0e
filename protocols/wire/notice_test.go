package wire

import (
	"bytes"
	"testing"
)

func notice(t testing.TB, act Act) *Notice {
	t.Helper()
	n := &Notice{Version: Version, Act: act, Sender: "a", Plan: make([]byte, 32), Run: make([]byte, 32), Body: []byte("body")}
	if act.bySender() {
		n.Signatures = make([]byte, SignatureSize)
	}
	switch act {
	case Act_HERE:
		n.Plan = nil
	case Act_SUBMIT:
		n.Run = nil
	}
	return n
}

func TestNoticeHasTheLengthsOfItsKind(t *testing.T) {
	for act := Act_HERE; act <= lastAct; act++ {
		n, err := OpenNotice(encode(t, notice(t, act)))
		if err != nil || n.Act != act {
			t.Fatalf("%v: %v", act, err)
		}
		for name, change := range map[string]func(*Notice){
			"version": func(n *Notice) { n.Version = 2 }, "kind": func(n *Notice) { n.Act = lastAct + 1 }, "no sender": func(n *Notice) { n.Sender = "" },
			"long sender": func(n *Notice) { n.Sender = string(bytes.Repeat([]byte("a"), 65)) }, "plan": func(n *Notice) { n.Plan = append(n.Plan, 1) },
			"run": func(n *Notice) { n.Run = append(n.Run, 1) }, "signatures": func(n *Notice) { n.Signatures = append(n.Signatures, 1) },
			"size": func(n *Notice) { n.Body = make([]byte, act.Max()) },
		} {
			n := notice(t, act)
			change(n)
			if _, err := OpenNotice(encode(t, n)); err == nil {
				t.Errorf("%v: %s: accepted", act, name)
			}
		}
	}
}

// FuzzOpenNotice: whatever is accepted encodes to the same bytes.
func FuzzOpenNotice(f *testing.F) {
	for act := Act_HERE; act <= lastAct; act++ {
		f.Add(encode(f, notice(f, act)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := OpenNotice(b)
		if err != nil {
			return
		}
		if again := encode(t, n); !bytes.Equal(again, b) {
			t.Errorf("accepted %x, encodes to %x", b, again)
		}
	})
}
