package party

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func newIdentity(t testing.TB) *Identity {
	t.Helper()
	id, err := NewIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestBothSignaturesMustVerify(t *testing.T) {
	id := newIdentity(t)
	sig, err := id.Sign("ctx", []byte("message"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at int) []byte {
		s := bytes.Clone(sig)
		s[at] ^= 1
		return s
	}
	other, _ := newIdentity(t).Sign("ctx", []byte("message"))
	for _, tc := range []struct {
		name, context, msg string
		sig                []byte
		ok                 bool
	}{
		{"as made", "ctx", "message", sig, true},
		{"ed25519 altered", "ctx", "message", flipped(3), false},
		{"ml-dsa-65 altered", "ctx", "message", flipped(64 + 3), false},
		{"ed25519 of another", "ctx", "message", slices.Concat(other[:64], sig[64:]), false},
		{"ml-dsa-65 of another", "ctx", "message", slices.Concat(sig[:64], other[64:]), false},
		{"without ml-dsa-65", "ctx", "message", sig[:64], false},
		{"without ed25519", "ctx", "message", sig[64:], false},
		{"one byte more", "ctx", "message", append(bytes.Clone(sig), 0), false},
		{"none", "ctx", "message", nil, false},
		{"other context", "ctx2", "message", sig, false},
		{"other message", "ctx", "massage", sig, false},
		{"context and message shifted", "ctxm", "essage", sig, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := id.Public().Verify(tc.context, []byte(tc.msg), tc.sig)
			if (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("got %v, want ok = %v", err, tc.ok)
			}
		})
	}
	if (PublicKey{}).Verify("ctx", []byte("message"), sig) == nil {
		t.Error("the zero key verifies")
	}
}

func TestIdentityAndKeySurviveTheirEncoding(t *testing.T) {
	id := newIdentity(t)
	b, _ := id.MarshalBinary()
	again, err := ParseIdentity(b)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Public().Equal(id.Public()) {
		t.Error("another public key after a round trip")
	}
	k, _ := id.Public().MarshalBinary()
	key, err := ParsePublicKey(k)
	if err != nil || !key.Equal(id.Public()) || key.Fingerprint() != id.Public().Fingerprint() {
		t.Errorf("public key: %v", err)
	}
	sig, _ := again.Sign("c", []byte("m"))
	if err := key.Verify("c", []byte("m"), sig); err != nil {
		t.Error(err)
	}
	if f := key.Fingerprint(); len(f) != 39 || strings.Count(f, "-") != 7 {
		t.Errorf("fingerprint %q, want eight groups of four", f)
	}
}

func TestIdentityFromItsSeedIsAlwaysTheSame(t *testing.T) {
	id, err := ParseIdentity(append([]byte{1}, make([]byte, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	// A change here locks every hospital out of its own key file.
	if got, want := id.Public().Fingerprint(), "NYDA-HMCW-G7WK-4UPB-ZU4J-WCMC-VNJD-6Z2D"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParsingRefusesOtherLengths(t *testing.T) {
	id := newIdentity(t)
	secret, _ := id.MarshalBinary()
	public, _ := id.Public().MarshalBinary()
	for _, n := range []int{0, 1, 32, 34, 100000} {
		if _, err := ParseIdentity(make([]byte, n)); err == nil {
			t.Errorf("identity of %d bytes accepted", n)
		}
	}
	for _, b := range [][]byte{nil, public[1:], append(bytes.Clone(public), 0), public[:len(public)-1], make([]byte, len(public))} {
		if _, err := ParsePublicKey(b); err == nil {
			t.Errorf("public key of %d bytes accepted", len(b))
		}
	}
	secret[0] = 2
	if _, err := ParseIdentity(secret); err == nil {
		t.Error("another version accepted")
	}
	if _, err := (PublicKey{}).MarshalBinary(); err == nil {
		t.Error("the zero key has an encoding")
	}
}

func TestSealedMessageOpensOnlyWhereItBelongs(t *testing.T) {
	id := newIdentity(t)
	sealed, err := id.Public().Seal(rand.Reader, []byte("session"), []byte("place"), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed) != len("secret")+SealOverhead {
		t.Errorf("sealed has %d bytes, want %d", len(sealed), len("secret")+SealOverhead)
	}
	if got, err := id.Open([]byte("session"), []byte("place"), sealed); err != nil || string(got) != "secret" {
		t.Fatalf("got %q, %v", got, err)
	}
	flipped := bytes.Clone(sealed)
	flipped[20] ^= 1
	for _, tc := range []struct {
		name      string
		who       *Identity
		info, aad string
		sealed    []byte
	}{
		{"replayed in another session", id, "session2", "place", sealed},
		{"in another place", id, "session", "place2", sealed},
		{"to another recipient", newIdentity(t), "session", "place", sealed},
		{"truncated", id, "session", "place", sealed[:len(sealed)-1]},
		{"truncated encapsulation", id, "session", "place", sealed[:500]},
		{"empty", id, "session", "place", nil},
		{"changed encapsulation", id, "session", "place", flipped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.who.Open([]byte(tc.info), []byte(tc.aad), tc.sealed); !errors.Is(err, ErrSealed) {
				t.Errorf("got %v, want %v", err, ErrSealed)
			}
		})
	}
}

func TestCommitmentBindsStudyAndTable(t *testing.T) {
	id, other := newIdentity(t), newIdentity(t)
	a, b := Hash("a"), Hash("b")
	seen := map[[32]byte]string{}
	for _, tc := range []struct {
		name         string
		id           *Identity
		study, table [32]byte
	}{{"one", id, a, a}, {"table", id, a, b}, {"study", id, b, a}, {"member", other, a, a}} {
		c, err := tc.id.Commitment(tc.study, tc.table)
		if err != nil || seen[c] != "" {
			t.Errorf("%s: commitment equals that of %q (%v)", tc.name, seen[c], err)
		}
		seen[c] = tc.name
	}
}

func TestRosterIsSortedUniqueAndWithoutTheHub(t *testing.T) {
	a, b := newIdentity(t).Public(), newIdentity(t).Public()
	for _, tc := range []struct {
		name    string
		members []Member
		err     string
	}{
		{"good", []Member{{"b", "B", b}, {"a", "A", a}}, ""},
		{"twice", []Member{{"a", "", a}, {"a", "", b}}, "listed twice"},
		{"hub", []Member{{"a", "", a}, {"hub", "", b}}, "hub's id"},
		{"empty id", []Member{{"", "", a}}, "0 characters"},
		{"long id", []Member{{ID(strings.Repeat("a", 65)), "", a}}, "65 characters"},
		{"umlaut", []Member{{"zürich", "", a}}, "outside a-z"},
		{"space", []Member{{"st gallen", "", a}}, "outside a-z"},
		{"hub in capitals", []Member{{"Hub", "", a}}, "hub's id"},
		{"case only", []Member{{"Basel", "", a}, {"basel", "", b}}, "differ in case"},
		{"path", []Member{{"../x", "", a}}, "outside a-z"},
		{"no key", []Member{{"a", "", PublicKey{}}}, "no key"},
		{"one key for two", []Member{{"a", "", a}, {"b", "", a}}, "same key"},
		{"long name", []Member{{"a", strings.Repeat("n", 201), a}}, "site name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := NewRoster(tc.members)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || r.Len() != 2 || r.At(0).ID != "a" || r.Index("b") != 1 || r.Index("c") != -1 || r.Index(Hub) != -1 {
				t.Errorf("roster %v, %v", r.Members(), err)
			}
		})
	}
}

func TestRosterDigestBindsEveryField(t *testing.T) {
	a, b := newIdentity(t).Public(), newIdentity(t).Public()
	seen := map[[32]byte]int{}
	for i, m := range [][]Member{
		{{"a", "A", a}, {"b", "B", b}}, {{"a", "A", b}, {"b", "B", a}}, {{"a", "B", a}, {"b", "B", b}}, {{"a", "A", a}, {"c", "B", b}},
		{{"a", "A", a}}, {{"aa", "", a}, {"b", "B", b}},
	} {
		r, err := NewRoster(m)
		if err != nil {
			t.Fatal(err)
		}
		if j, twice := seen[r.Digest()]; twice {
			t.Errorf("rosters %d and %d have one digest", i, j)
		}
		seen[r.Digest()] = i
	}
}

func TestHashSeparatesFields(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, d := range [][32]byte{Hash("d"), Hash("d", nil), Hash("d", nil, nil), Hash("d", []byte("ab")), Hash("d", []byte("a"), []byte("b")), Hash("da", []byte("b")), Hash("dab")} {
		if j, twice := seen[d]; twice {
			t.Errorf("lists %d and %d have one hash", i, j)
		}
		seen[d] = i
	}
}

func TestIdentityPrintsNoSecret(t *testing.T) {
	id := newIdentity(t)
	raw, _ := id.MarshalBinary()
	seed := raw[1:]
	canaries := []string{string(seed), hex.EncodeToString(seed), strings.ToUpper(hex.EncodeToString(seed)), fmt.Sprint(seed)[1:30], fmt.Sprintf("%#v", seed)[8:30]}
	holder := struct {
		Name string
		ID   *Identity
		Copy Identity
	}{"x", id, *id}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "id", id, "copy", *id, "holder", holder)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		log.WriteString(fmt.Sprintf(verb, id) + fmt.Sprintf(verb, *id) + fmt.Sprintf(verb, holder))
	}
	for _, c := range canaries {
		if strings.Contains(log.String(), c) {
			t.Errorf("a print of an identity contains its seed")
		}
	}
	if !strings.Contains(fmt.Sprint(id), "party.Identity(…)") {
		t.Errorf("prints as %q", fmt.Sprint(id))
	}
}

func FuzzParsePublicKey(f *testing.F) {
	b, _ := newIdentity(f).Public().MarshalBinary()
	f.Add(b)
	f.Add(b[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePublicKey(b)
		if err != nil {
			return
		}
		if again, err := k.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("encodes differently (%v)", err)
		}
		k.Verify("c", b, make([]byte, SignatureSize))
	})
}

func FuzzParseIdentity(f *testing.F) {
	b, _ := newIdentity(f).MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := ParseIdentity(b); err == nil {
			if again, _ := id.MarshalBinary(); !bytes.Equal(again, b) {
				t.Error("encodes differently")
			}
		}
	})
}

func FuzzOpenSealed(f *testing.F) {
	id := newIdentity(f)
	b, _ := id.Public().Seal(rand.Reader, nil, nil, []byte("x"))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { id.Open(nil, []byte("y"), b) })
}
