package party

import (
	"fmt"
	"slices"
	"strings"
)

// Member is one hospital: its ID, its name for people, and its key, which
// every other member has compared out of band.
type Member struct {
	ID   ID
	Site string
	Key  PublicKey
}

// Roster is the members of a study, sorted by ID, each once. It never changes.
type Roster struct{ members []Member }

// NewRoster sorts and checks members: valid IDs, distinct and not the hub's even
// where case is ignored, as some file systems do; distinct keys; a name of at
// most 200 bytes for each.
func NewRoster(members []Member) (Roster, error) {
	m := slices.Clone(members)
	slices.SortFunc(m, func(a, b Member) int { return strings.Compare(string(a.ID), string(b.ID)) })
	keys, names := make(map[string]ID, len(m)), make(map[string]ID, len(m))
	for i, x := range m {
		if err := x.ID.Check(); err != nil {
			return Roster{}, err
		}
		switch {
		case strings.EqualFold(string(x.ID), string(Hub)):
			return Roster{}, fmt.Errorf("party: roster: %q is the hub's id and cannot be a member's", x.ID)
		case i > 0 && m[i-1].ID == x.ID:
			return Roster{}, fmt.Errorf("party: roster: member %q is listed twice", x.ID)
		case names[strings.ToLower(string(x.ID))] != "":
			return Roster{}, fmt.Errorf("party: roster: members %q and %q differ in case only", names[strings.ToLower(string(x.ID))], x.ID)
		case x.Key.IsZero():
			return Roster{}, fmt.Errorf("party: roster: member %q has no key", x.ID)
		case len(x.Site) > 200:
			return Roster{}, fmt.Errorf("party: roster: the site name of %q has %d bytes, want at most 200", x.ID, len(x.Site))
		}
		// One key twice would be one hospital counted as two.
		if other, twice := keys[x.Key.raw]; twice {
			return Roster{}, fmt.Errorf("party: roster: members %q and %q have the same key", other, x.ID)
		}
		keys[x.Key.raw], names[strings.ToLower(string(x.ID))] = x.ID, x.ID
	}
	return Roster{members: m}, nil
}

// Digest binds everything in the roster: order, IDs, site names, keys.
func (r Roster) Digest() [32]byte {
	fields := make([][]byte, 0, 3*len(r.members))
	for _, m := range r.members {
		fields = append(fields, []byte(m.ID), []byte(m.Site), []byte(m.Key.raw))
	}
	return Hash("roster", fields...)
}

// Len returns the number of members.
func (r Roster) Len() int { return len(r.members) }

// At returns the member at position i of the sorted roster.
func (r Roster) At(i int) Member { return r.members[i] }

// Index returns the position of id, or -1.
func (r Roster) Index(id ID) int {
	i, found := slices.BinarySearchFunc(r.members, id, func(m Member, id ID) int {
		return strings.Compare(string(m.ID), string(id))
	})
	if !found {
		return -1
	}
	return i
}

// Members returns a copy of the list, sorted by ID.
func (r Roster) Members() []Member { return slices.Clone(r.members) }
