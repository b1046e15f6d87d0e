package stat

import (
	"fmt"
	"math"
	"sort"
)

// leaf is an occupied cell: grid points lo to hi, and rows by class.
type leaf struct {
	lo, hi int64
	n      []int64
}

func (l leaf) total() (n int64) {
	for _, k := range l.n {
		n += k
	}
	return n
}

// single reports whether all values in a leaf are known to be equal.
func (g *gridPart) single(l leaf) bool { return l.lo == l.hi && g.off == 0 && !g.below }

// leafOf returns the number of the leaf that holds grid point k, -1 when there is none.
func (g *gridPart) leafOf(k int64) int {
	i := sort.Search(len(g.leaves), func(i int) bool { return g.leaves[i].hi >= k })
	if i == len(g.leaves) || g.leaves[i].lo > k {
		return -1
	}
	return i
}

// tied returns the number of people in leaves of several grid points, whose order among themselves is unknown.
func (g *gridPart) tied() (n int64) {
	for _, l := range g.leaves {
		if k := l.total(); l.hi > l.lo && k > 1 {
			n += k
		}
	}
	return n
}

// resolution returns the step in which values were counted where it is too coarse for some value, else NaN, and a warning.
func (g *gridPart) resolution() (step float64, warnings []string) {
	step = math.NaN()
	if g.off > 0 {
		step = g.value(g.lo+1) - g.value(g.lo)
		warnings = append(warnings, fmt.Sprintf("values of %s closer than %s count as equal: declare its step", g.field.Name, number(step)))
	}
	if g.tied() > 0 {
		warnings = append(warnings, fmt.Sprintf("%s is recorded more finely than the rules allow to look: a few neighbouring values count as equal; declare a coarser step for a result that is exact on it", g.field.Name))
	}
	return step, warnings
}
