package table

import (
	"fmt"
	"strings"
)

// Nearest returns the name in from that is the fewest edits away from name,
// the first on a tie; "" when from is empty. A difference in case counts half.
func Nearest(name string, from []string) string {
	best, least := "", -1
	for _, f := range from {
		if d := edits(name, f); least < 0 || d < least {
			best, least = f, d
		}
	}
	return best
}

// Near is Nearest for names that may not be quoted back unless they are
// clearly a slip of the wanted one: a header field may be a record's value.
func Near(name string, from []string) (string, bool) {
	best := Nearest(name, from)
	close := strings.EqualFold(name, best) || edits(name, best) <= min(4, len([]rune(name))*2/3)
	return best, best != "" && close
}

// Hint ends an error about an unknown name: the nearest name when it is near,
// else the first of the names there are, neither being a record's value.
func Hint(name string, from []string) string {
	if near, ok := Near(name, from); ok {
		return fmt.Sprintf("nearest is %q", near)
	}
	const most = 8
	list := strings.Join(from[:min(len(from), most)], ", ")
	switch {
	case len(from) == 0:
		return "there is none"
	case len(from) == 1:
		return "the only one is " + list
	case len(from) > most:
		list += ", ..."
	}
	return "want one of " + list
}

// edits is twice the Levenshtein distance with swaps of neighbours, where a change of case costs 1.
func edits(a, b string) int {
	const longest = 64 // runes compared: messages need no more
	s, t := clip(a, longest), clip(b, longest)
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = 2 * j
	}
	for i := range s {
		row[0] = 2 * (i + 1)
		for j := range t {
			row[j+1] = min(prev[j]+swap(s[i], t[j]), prev[j+1]+2, row[j]+2)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+2)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(t)]
}

func swap(a, b rune) int {
	switch {
	case a == b:
		return 0
	case strings.EqualFold(string(a), string(b)):
		return 1
	}
	return 2
}

func clip(s string, n int) []rune {
	r := []rune(s)
	return r[:min(n, len(r))]
}
