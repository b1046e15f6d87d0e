package store

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Digest is SHA-256 of a plan, a roster, a cohort, a key or a record. As text
// it is "sha256:" and 64 hexadecimal digits.
type Digest [32]byte

// IsZero reports whether d is of nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// String is d as text, in full.
func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// short is enough of d to tell it from others in a sentence.
func (d Digest) short() string { return "sha256:" + hex.EncodeToString(d[:6]) + "…" }

// MarshalText is String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	digits, ok := strings.CutPrefix(string(b), "sha256:")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(d) {
		return fmt.Errorf("store: %q is not a digest: want sha256: and 64 hexadecimal digits", b)
	}
	copy(d[:], raw)
	return nil
}

// Head is how far a chain has come: the number of its records and the link of
// the last. The zero Head is that of an empty chain.
type Head struct {
	Position int64  `json:"position"`
	Link     Digest `json:"link"`
}

// String is what a steward writes down: the position and 160 bits of the link,
// in eight groups of four letters and digits.
func (h Head) String() string {
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Link[:20])
	groups := []string{strconv.FormatInt(h.Position, 10)}
	for ; len(s) > 0; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(groups, "-")
}

// noted is the position in what String gave.
func noted(s string) (int64, error) {
	first, _, _ := strings.Cut(s, "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil || n < 0 || strings.Count(s, "-") != 8 {
		return 0, fmt.Errorf("store: %q is not a head: want a number and eight groups of four characters, joined by -", s)
	}
	return n, nil
}
