package stat

import "fmt"

// maxCoxCells bounds the cells of one sum over times.
const maxCoxCells = 1 << 20

// pairCells is the number of cells of a symmetric q x q matrix.
func pairCells(q int) int { return q * (q + 1) / 2 }

// lay declares the openings.
func (c *coxPart) lay() {
	q := len(c.most.Columns) - 1
	switch {
	case c.byTime():
		c.inner = c.u.parts()
	case c.u.order != nil:
		c.inner = []part{c.u.order}
	}
	for _, p := range c.inner {
		c.openings = append(c.openings, p.plan()...)
	}
	put := func(what string, cells, times int, people bool) int {
		c.openings = append(c.openings, Opening{What: what, Cells: cells, MaxTimes: times, CountsPeople: people})
		return len(c.openings) - 1
	}
	c.place.events, c.place.pairs = -1, -1
	c.place.sums = put("sums of the columns of the model ("+names(c.most.Columns)+"): their means; of a yes/no column, how many people have it", q+1, 1, zeroOnes(c.most.Columns) > 0)
	c.place.squares = put("sums of squares of the columns about their means: their SDs", 2*q, 1, false)
	if c.own {
		c.place.fit = put("how the model fits at each step: score, information and log partial likelihood, worked out by each hospital within its own strata and summed: nothing by time. "+
			"The result's vcov at full precision lets a reader compute sums of covariates", newtonCells(q), maxNewton, false)
	} else {
		c.place.events = put("sums of the columns over those with the event", q+1, 1, zeroOnes(c.most.Columns) > 0)
		released := ""
		if c.schema != nil {
			released = ". The baseline hazard and the means of the columns in the risk sets, at these times, are written to the result: survival is predicted from them"
		}
		c.place.fit = put(fmt.Sprintf("sums over those who leave observation at each time, times merged until at least %d leave: risk, risk times columns and times their products; with ties of events (Efron) the same over these. "+
			"They give the means and covariances of the columns in every risk set, and at the first step those of the people who leave at each time%s", c.few(q), released), c.mostCells(q), maxNewton, false)
		c.openings[c.place.fit].Released = c.schema != nil
	}
	cells := 6 // right order, wrong order, neither; squares and products of people's pairs
	if c.transform != "none" {
		cells += 1 + 2*q + 3*pairCells(q)
	}
	if c.sandwich != nil {
		c.openings = append(c.openings, c.sandwich.opening(q))
		c.place.cluster = len(c.openings) - 1
	}
	if c.unranked && c.transform == "none" {
		return
	}
	if c.own {
		c.place.final = put("how many pairs of people within a hospital's stratum the model puts in the right order, in the wrong one, and neither, and sums over people of squares of their pairs, its error; score and information weighted by time: a test of proportional hazards", cells, 1, false)
		return
	}
	if !c.unranked {
		c.place.pairs = put("how many people of each class of risk leave at each time, with and without the event: the concordance of the model; single people included, used on the way, never written", maxGridCells, 1, true)
	}
	if c.transform != "none" {
		c.place.final = put("sums of the columns over those with the event, weighted by time: a test of proportional hazards", q, 1, false)
	}
}

// mostCells bounds the cells of a round over times: by the points of the grid where they are few.
func (c *coxPart) mostCells(q int) int {
	points := c.u.stop.hi - c.u.stop.lo + 1
	if points > maxCoxCells {
		return maxCoxCells
	}
	n := int(points) * c.u.groups() * (1 + q + pairCells(q))
	if c.efron {
		n *= 2
	}
	return min(n, maxCoxCells)
}

// few is how many people must leave between two times of which sums are opened.
func (c *coxPart) few(q int) int64 {
	if c.args.Rules.MinCell <= 1 {
		return 1
	}
	return int64(max(c.args.Rules.MinCell, q+2))
}
