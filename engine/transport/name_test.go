package transport

import (
	"bytes"
	"testing"

	"github.com/consilium-health/consilium/protocols/party"
)

func TestAMessageHasOneName(t *testing.T) {
	body := []byte("body")
	id := idOf("study", 1, "a", party.Hub, body)
	if id != idOf("study", 1, "a", party.Hub, []byte("body")) {
		t.Error("the same message has two names")
	}
	for what, other := range map[string]messageID{
		"study": idOf("stud", 1, "a", party.Hub, []byte("ybody")), "attempt": idOf("study", 2, "a", party.Hub, body), "sender": idOf("study", 1, "b", party.Hub, body),
		"recipient": idOf("study", 1, "a", "b", body), "body": idOf("study", 1, "a", party.Hub, []byte("other")),
	} {
		if other == id {
			t.Errorf("another %s has the same name", what)
		}
	}
}

// FuzzEntry: what the log hands out is read or refused, and what is read is within its bounds.
func FuzzEntry(f *testing.F) {
	var id messageID
	f.Add(wholeEntry(id, []byte("body")))
	f.Add(chunkedEntry(id, 60<<20))
	f.Add(chunkedEntry(id, -1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		const largest = 64 << 20
		e, err := parseEntry(b, largest)
		if err != nil {
			return
		}
		again := wholeEntry(e.id, e.body)
		if e.size != 0 {
			again = chunkedEntry(e.id, e.size)
		}
		if !bytes.Equal(again, b) || e.size < 0 || e.size > largest || len(e.body) > inlineMax {
			t.Errorf("%x is read as %d bytes in chunks or %d whole", b[:min(len(b), 50)], e.size, len(e.body))
		}
	})
}

func TestSubjectsAreTakenApart(t *testing.T) {
	for _, subject := range []string{"", "consilium.push.up.a.E.study", "consilium.push.up.a.E.study.x", "consilium.push.up.a.E.study.4294967296", "consilium.push.up.a.E.study.1.m"} {
		if _, _, _, ok := pushed(subject); ok {
			t.Errorf("%q was taken for a copy's subject", subject)
		}
	}
	of, study, attempt, ok := pushed("consilium.push.up.a.E.study.4294967295")
	if !ok || of != "a" || study != "study" || attempt != 1<<32-1 {
		t.Errorf("got %q, %q, %d, %v", of, study, attempt, ok)
	}
	for _, study := range []string{"", "a.b", "*", ">", "a b"} {
		if checkStudy(study) == nil {
			t.Errorf("study %q may stand in a subject", study)
		}
	}
}
