package stat

import "fmt"

// The meat of two yes/no columns is the sum of squared residuals of those who
// have both: of one person, the residual, and with it the outcome. Where the cross
// table of two terms has a cell of few people, there are no robust standard errors.

// level says of a column of two values who has the higher one.
type level struct {
	two    bool
	term   int
	ones   int64
	middle float64 // values above are the higher one
}

// levelOf is that of a column, for rows in which it is less its centre, over scale.
func (c *regressor) levelOf(n int64, scale float64) (l level) {
	l.term = c.Term
	if l.ones, l.two = c.ones(n); l.two {
		lo, hi := 0.0, 1.0
		if !c.ZeroOne {
			lo, hi = c.support.Low, c.support.High
		}
		l.middle = (lo + (hi-lo)/2 - c.centre) / scale
	}
	return l
}

// crossing counts the people who have both of two such columns of different terms.
type crossing struct {
	columns []lean
	pairs   [][2]int
	both    []int64 // of each pair
}

func (c *crossing) pairUp(of []lean) (asked []Cell) {
	c.columns, c.pairs = of, nil
	for a, x := range of {
		for b, y := range of[:a] {
			if x.two && y.two && x.term != y.term {
				c.pairs = append(c.pairs, [2]int{b, a})
				asked = append(asked, countCell("people with both "+y.name+" and "+x.name, Plain))
			}
		}
	}
	return asked
}

// meet counts a row.
func (c *crossing) meet(x []float64) {
	for i, p := range c.pairs {
		if x[p[0]] > c.columns[p[0]].middle && x[p[1]] > c.columns[p[1]].middle {
			c.both[i]++
		}
	}
}

// thin names two terms of which some levels are common to 1..least-1 of n people, "" when none are.
func (c *crossing) thin(n, least int64) string {
	few := func(k int64) bool { return k > 0 && k < least }
	both, terms := make(map[[2]int]int64), make(map[int][]int)
	for i, p := range c.pairs {
		both[p], both[[2]int{p[1], p[0]}] = c.both[i], c.both[i]
	}
	for a, x := range c.columns {
		if x.two {
			terms[x.term] = append(terms[x.term], a)
		}
	}
	for _, p := range c.pairs { // of the levels and what is beside them, the reference
		x, y := c.columns[p[0]], c.columns[p[1]]
		restX, restY, rest := x.ones, y.ones, n
		for _, b := range terms[y.term] {
			restX -= both[[2]int{p[0], b}]
			rest -= c.columns[b].ones
		}
		for _, a := range terms[x.term] {
			restY -= both[[2]int{a, p[1]}]
			rest -= c.columns[a].ones
			for _, b := range terms[y.term] {
				rest += both[[2]int{a, b}]
			}
		}
		if few(both[p]) || few(restX) || few(restY) || few(rest) {
			return fmt.Sprintf("%s and %s", x.name, y.name)
		}
	}
	for _, p := range c.pairs { // who has the one and not the other, where the other is part of it
		for _, q := range [2][2]int{p, {p[1], p[0]}} {
			whole, part := q[0], q[1]
			if both[q] != c.columns[part].ones {
				continue
			}
			for other := range c.columns {
				a, with := both[[2]int{whole, other}]
				b, without := both[[2]int{part, other}]
				if with && without && few(a-b) {
					return fmt.Sprintf("%s, %s and %s", c.columns[whole].name, c.columns[part].name, c.columns[other].name)
				}
			}
		}
	}
	return ""
}
