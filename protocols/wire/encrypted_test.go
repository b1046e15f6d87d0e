package wire

import (
	"strings"
	"testing"
)

// vow is the largest there can be.
func largestVow() *Vow {
	d := make([]byte, DigestSize)
	return &Vow{
		Transcript: d, Work: d, Before: d, Claims: make([]byte, MaxPrimes*ClaimSize), Share: d, Shape: make([]byte, MaxBlocks*BlockSize), Full: true,
	}
}

func TestLimitsFitEncryptedSessions(t *testing.T) {
	long := strings.Repeat("x", 64)
	digest := make([]byte, DigestSize)
	for _, l := range []Limits{{Members: 2, Share: 4000}, {Members: 10, Share: 1 << 20}, {Members: 200, Share: 1 << 20}, {Members: 5, Share: 1 << 18, Full: true}} {
		e := func(ty Type, body Message, bulk []byte, signatures int) *Envelope {
			return &Envelope{
				Version: Version, Plan: digest, Attempt: 1<<32 - 1, Type: ty, Sequence: 1<<64 - 1, Sender: long, Recipient: long,
				Body: encode(t, body), Bulk: bulk, Signatures: make([]byte, signatures),
			}
		}
		vows, folded := new(Vows), &Folded{Sum: make([]byte, l.Share)}
		if l.Full {
			folded = new(Folded)
		}
		for range l.Members {
			vows.Vows = append(vows.Vows, &Tagged{Body: encode(t, largestVow()), Tag: make([]byte, TagSize)})
			if l.Full {
				folded.Shares = append(folded.Shares, &Revealed{Salt: digest, Share: make([]byte, l.Share)})
			}
		}
		for ty, m := range map[Type]*Envelope{
			Type_VOW:    e(Type_VOW, largestVow(), make([]byte, (l.Members-1)*TagSize), SignatureSize),
			Type_VOWS:   e(Type_VOWS, vows, nil, 0),
			Type_SHARE:  e(Type_SHARE, &Share{Salt: digest, Parts: make([]byte, MaxShareParts*DigestSize)}, make([]byte, l.Share), SignatureSize),
			Type_FOLDED: e(Type_FOLDED, folded, nil, 0),
		} {
			b := encode(t, m)
			if len(b) > l.Max(ty) || l.Max(ty) > len(b)*5/4+300 {
				t.Errorf("%+v: a %v can have %d bytes, the limit is %d", l, ty, len(b), l.Max(ty))
			}
			if _, err := Open(b, l); err != nil {
				t.Errorf("%+v: the largest %v: %v", l, ty, err)
			}
			if _, err := Open(append(b, 0), l); err == nil {
				t.Errorf("%+v: a %v with a byte more was read", l, ty)
			}
			without := l
			without.Share = 0
			if _, err := Open(b, without); err == nil {
				t.Errorf("a %v was read in a study without encryption", ty)
			}
		}
	}
}

func TestEncryptedBodiesHaveTheirLengths(t *testing.T) {
	digest := make([]byte, DigestSize)
	for name, m := range map[string]interface{ Check(int) error }{
		"a vow with a short transcript": func() *Vow { v := largestVow(); v.Transcript = digest[1:]; return v }(),
		"a vow with half a claim":       func() *Vow { v := largestVow(); v.Claims = append(v.Claims, 1); return v }(),
		"a vow with a ragged shape":     func() *Vow { v := largestVow(); v.Shape = v.Shape[1:]; return v }(),
		"a commitment to nothing":       func() *Vow { v := largestVow(); v.Shape = nil; return v }(),
		"a share without commitment":    func() *Vow { v := largestVow(); v.Share = nil; return v }(),
		"a short commitment":            func() *Vow { v := largestVow(); v.Share = digest[1:]; return v }(),
		"two vows of three":             &Vows{Vows: make([]*Tagged, 2)},
		"a share without salt":          &Share{Parts: digest},
		"a share with a long hash":      &Share{Salt: digest, Parts: append(digest, 0)},
		"shares and their sum":          &Folded{Sum: digest, Shares: []*Revealed{{Salt: digest}, {Salt: digest}, {Salt: digest}}},
		"two shares of three":           &Folded{Shares: []*Revealed{{Salt: digest}, {Salt: digest}}},
		"a revealed share without salt": &Folded{Shares: []*Revealed{{Salt: digest}, {}, {Salt: digest}}},
	} {
		if m.Check(3) == nil {
			t.Errorf("%s passed", name)
		}
	}
	if err := largestVow().Check(3); err != nil {
		t.Error(err)
	}
}
