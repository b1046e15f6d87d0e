package formula

import (
	"math/bits"
	"slices"
)

// The expansion of a right side into terms, as R's terms() does it
// (TermCode, EncodeVars and their kin in model.c): every variable has a bit in the
// order of its first appearance, a term is a set of bits.

// maxTerms bounds the terms of a model, maxWork the unions formed on the way to them.
const (
	maxTerms = 2000
	maxWork  = 1000000
)

type set []uint64

func (s set) has(v int) bool { return s[v/64]>>(v%64)&1 == 1 }

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// members returns the variables of a term in order.
func (s set) members() (v []int) {
	for i := range len(s) * 64 {
		if s.has(i) {
			v = append(v, i)
		}
	}
	return v
}

func (s set) union(t set) set {
	u := slices.Clone(s)
	for i := range u {
		u[i] |= t[i]
	}
	return u
}

// without returns s less one variable.
func (s set) without(v int) set {
	u := slices.Clone(s)
	u[v/64] &^= 1 << (v % 64)
	return u
}

// within reports whether t holds all of s.
func (s set) within(t set) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

// key identifies the set in a map.
func (s set) key() string {
	b := make([]byte, 0, 8*len(s))
	for _, w := range s {
		for range 8 {
			b, w = append(b, byte(w)), w>>8
		}
	}
	return string(b)
}

// expansion is the state of R's EncodeVars.
type expansion struct {
	variables []*variable
	place     map[string]int // label -> index of variables
	dot       []int          // the variables '.' stands for
	intercept bool
	adding    bool // false inside what a minus removes, where 1 and 0 change their roles
	work      int
}

func (x *expansion) bit(v int) set {
	s := make(set, (len(x.variables)+63)/64)
	s[v/64] = 1 << (v % 64)
	return s
}

// trim removes repeated terms, keeping the first, and empty ones.
func (x *expansion) trim(terms []set, col int) ([]set, error) {
	if x.work += len(terms); x.work > maxWork {
		return nil, complain(col, "too many terms on the way: more than %d combinations", maxWork)
	}
	seen := map[string]bool{}
	out := terms[:0]
	for _, t := range terms {
		if k := t.key(); t.count() > 0 && !seen[k] {
			seen[k] = true
			out = append(out, t)
		}
	}
	if len(out) > maxTerms {
		return nil, complain(col, "more than %d terms", maxTerms)
	}
	return out, nil
}

// unions returns every union of one term of each list.
func (x *expansion) unions(a, b []set, col int) ([]set, error) {
	if x.work += len(a) * len(b); x.work > maxWork {
		return nil, complain(col, "too many terms on the way: more than %d combinations", maxWork)
	}
	out := make([]set, 0, len(a)*len(b))
	for _, l := range a {
		for _, r := range b {
			out = append(out, l.union(r))
		}
	}
	return out, nil
}

// encode returns the terms of n in the order R forms them; the intercept is kept aside.
func (x *expansion) encode(n *node) ([]set, error) {
	switch n.op {
	case opNumber:
		x.intercept = (n.num == 1) == x.adding
		return nil, nil
	case opDot:
		var out []set
		for _, v := range x.dot {
			out = append(out, x.bit(v))
		}
		return out, nil
	case opName, opCall:
		return []set{x.bit(x.place[n.String()])}, nil
	case opParen:
		return x.encode(n.args[0])
	case opMinus:
		return x.remove(nil, n.args[0])
	}
	left, err := x.encode(n.args[0])
	if err != nil {
		return nil, err
	}
	switch n.op {
	case opPow:
		return x.raise(left, int(n.args[1].num), n.col)
	case opSub:
		return x.remove(left, n.args[1])
	}
	right, err := x.encode(n.args[1])
	if err != nil {
		return nil, err
	}
	var both []set
	if n.op != opAdd {
		if both, err = x.unions(left, right, n.col); err != nil {
			return nil, err
		}
	}
	if n.op == opInteract {
		return x.trim(both, n.col)
	}
	return x.trim(slices.Concat(left, right, both), n.col)
}

// remove encodes what stands after a minus and takes its terms out of left.
func (x *expansion) remove(left []set, n *node) ([]set, error) {
	x.adding = !x.adding
	right, err := x.encode(n)
	x.adding = !x.adding
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, t := range right {
		for _, v := range t.members() {
			if x.variables[v].offset {
				return nil, complain(n.col, "an offset cannot be removed; leave it out")
			}
		}
		gone[t.key()] = true
	}
	return slices.DeleteFunc(slices.Clone(left), func(t set) bool { return gone[t.key()] }), nil
}

// raise returns (terms)^n: all interactions of up to n of the terms.
func (x *expansion) raise(terms []set, n, col int) ([]set, error) {
	out := terms
	for range n - 1 {
		u, err := x.unions(terms, out, col)
		if err != nil {
			return nil, err
		}
		if out, err = x.trim(u, col); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// codes returns R's "factors" matrix for terms in order: per term and
// variable 0 (absent), 1 (contrasts) or 2 (full dummies). A variable is coded
// by contrasts when the term without it is contained in an earlier term.
func codes(terms []set, variables []*variable, intercept bool) [][]uint8 {
	out := make([][]uint8, len(terms))
	for j, t := range terms {
		out[j] = make([]uint8, len(variables))
		for _, v := range t.members() {
			margin := t.without(v)
			code := uint8(2)
			if margin.count() == 0 || slices.ContainsFunc(terms[:j], margin.within) {
				code = 1
			}
			out[j][v] = code
		}
	}
	if intercept {
		return out
	}
	// Without an intercept the first factor has full dummies.
	for j, t := range terms {
		for _, v := range t.members() {
			if variables[v].factor {
				out[j][v] = 2
				return out
			}
		}
	}
	return out
}
