package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/internal/fixed"
)

// finalAsk asks for what the fitted model's evaluation needs, if anything.
func (c *coxPart) finalAsk() {
	f := c.fit
	if f.separated {
		c.transform = "none" // hazards of infinite ratios
	}
	c.estimate = make([]float64, len(f.cols))
	for a, b := range f.estimate {
		c.estimate[a] = Round40(b)
	}
	if c.unranked && c.transform == "none" {
		c.stage, c.asks = coxDone, nil
		return
	}
	c.stage = coxFinal
	state := append(append(centres(c.columns), c.scale...), c.estimate...)
	var cells []Cell
	if c.own {
		cells = c.orderCells()
		if c.transform != "none" {
			cells = append(cells, Cell{Cell: fixed.Binary(1, c.rows), Name: "transform of time over the events"})
			for _, what := range []string{"score weighted by time of ", "score of "} {
				for _, j := range f.cols {
					cells = append(cells, Cell{Cell: fixed.Binary(2*c.reach(j), c.rows), Name: what + c.columns[j].Name})
				}
			}
			for _, what := range []string{"information of ", "information weighted by time of ", "information weighted by the square of time of "} {
				cells = append(cells, c.informationCells(what)...)
			}
		}
		c.asks = []Ask{{Opening: c.place.final, Cells: cells, State: state}}
		c.askSandwich(state)
		return
	}
	classes := min(100, maxGridCells/(3*max(1, c.shown)))
	if c.unranked {
		classes = 0
	}
	c.classes = classes
	c.asks = nil
	if classes >= 2 {
		for s, r := range c.strata {
			for _, e := range r.exits {
				when := c.u.time.Name + " = " + number(e.time) + c.u.named(s)
				for k := range classes {
					of := fmt.Sprintf(" in class %d of risk at ", k+1)
					cells = append(cells, countCell("people who leave without the event"+of+when, Plain), countCell("events"+of+when, Plain))
					if c.u.start != nil {
						cells = append(cells, countCell("people who come"+of+when, Plain))
					}
				}
			}
		}
		c.asks = append(c.asks, Ask{Opening: c.place.pairs, Cells: cells, State: append(state, c.typical())})
	}
	if c.transform != "none" {
		var weighted []Cell
		g := c.transformOf()
		for _, r := range c.strata {
			r.g = nil
			for _, e := range r.exits {
				r.g = append(r.g, g(e.time))
			}
		}
		for _, j := range f.cols {
			weighted = append(weighted, Cell{Cell: fixed.Binary(c.reach(j), c.rows), Name: "sum of " + c.columns[j].Name + " over the events, weighted by time"})
		}
		c.asks = append(c.asks, Ask{Opening: c.place.final, Cells: weighted, State: state})
	}
	if c.asks == nil {
		c.stage = coxDone
	}
}

// typical is the standard deviation of the linear predictor in the risk sets of the events.
func (c *coxPart) typical() float64 {
	q := len(c.fit.cols)
	v := 0.0
	for a := range q {
		for b := range q {
			v += c.estimate[a] * c.estimate[b] * c.fit.info[min(a, b)*q+max(a, b)]
		}
	}
	return Round40(math.Sqrt(math.Max(0, v) / float64(c.nEvent)))
}

func (c *coxPart) addFinal(m *coxRows, out *fixed.Sums) {
	m.use(c.fit.cols, c.estimate)
	if c.meat > 0 {
		n := out.Len() - c.meat
		c.addSandwich(m, out.Slice(n, out.Len()))
		out = out.Slice(0, n)
	}
	if c.own {
		m.addPairs(out)
		if c.transform == "none" {
			return
		}
		g := c.transformOf()
		p, e := m.likelihood(c.efron, g)
		at := 6
		mean := 0.0
		for i, is := range m.event {
			if is {
				mean += g(m.stop[i])
			}
		}
		out.AddFloat(at, mean)
		q := len(m.cols)
		for a := range q {
			out.AddFloat(at+1+a, e.gScore[a]-p.gScore[a])
			out.AddFloat(at+1+q+a, e.score[a]-p.score[a])
		}
		at += 1 + 2*q
		for _, v := range [][]float64{p.info, p.gInfo, p.ggInfo} {
			for _, x := range v {
				out.AddFloat(at, x)
				at++
			}
		}
		return
	}
	c.locate(m)
	ask := 0
	if c.classes >= 2 {
		each := c.eachClass()
		size := c.asks[0].State[len(c.asks[0].State)-1]
		first := c.firstTimes()
		for i, s := range m.stratum {
			k := riskClass(m.eta[i], size, c.classes)
			at := ((first[s]+m.stopAt[i])*c.classes + k) * each
			if m.event[i] {
				at++
			}
			out.Add(at, 1)
			if came := m.startAt[i]; came > 0 {
				out.Add(((first[s]+came-1)*c.classes+k)*each+2, 1)
			}
		}
		ask = len(c.asks[0].Cells)
	}
	if c.transform != "none" {
		sums := make([]float64, len(m.cols))
		for i, s := range m.stratum {
			if m.event[i] {
				for a, x := range m.row(i) {
					sums[a] += c.strata[s].g[m.stopAt[i]] * x
				}
			}
		}
		for a, x := range sums {
			out.AddFloat(ask+a, x)
		}
	}
}

// eachClass is the number of counts of a class of risk at a time.
func (c *coxPart) eachClass() int {
	if c.u.start != nil {
		return 3
	}
	return 2
}

// firstTimes are the numbers of the first times of the strata, one stratum after the other.
func (c *coxPart) firstTimes() (first []int) {
	n := 0
	for _, r := range c.strata {
		first = append(first, n)
		n += len(r.exits)
	}
	return first
}

func (c *coxPart) takeFinal(t fixed.Totals) {
	q := len(c.fit.cols)
	floats := func(at, n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = t.Float(at + i)
		}
		return v
	}
	d := float64(c.nEvent)
	if c.own {
		if c.meat > 0 {
			c.sandwich.take(t.Slice(t.Len()-c.meat, t.Len()), q)
		}
		c.ranking = pairsOf(t)
		if c.transform != "none" {
			at, n := 7+2*q, pairCells(q)
			c.test = newZPH(t.Float(6)/d, floats(7, q), floats(7+q, q), floats(at, n), floats(at+n, n), floats(at+2*n, n))
		}
		return
	}
	at := 0
	if c.classes >= 2 {
		each := c.eachClass()
		for _, r := range c.strata {
			n := make([][][2]int64, len(r.exits))
			came := make([][]int64, len(r.exits))
			for i := range r.exits {
				n[i] = make([][2]int64, c.classes)
				if each == 3 {
					came[i] = make([]int64, c.classes)
				}
				for k := range c.classes {
					n[i][k] = [2]int64{t.Count(at), t.Count(at + 1)}
					if each == 3 {
						came[i][k] = t.Count(at + 2)
					}
					at += each
				}
			}
			if each == 2 {
				came = nil
			}
			o := ofClasses(n, came, c.classes)
			c.ranking.concordant += o.concordant
			c.ranking.discordant += o.discordant
			c.ranking.tied += o.tied
			c.ranking.unknown += o.unknown
			c.ranking.aa, c.ranking.ab, c.ranking.bb = c.ranking.aa+o.aa, c.ranking.ab+o.ab, c.ranking.bb+o.bb
		}
	}
	if c.transform != "none" {
		weighted := floats(at, q)
		p := newPartial(q)
		mean := 0.0
		for _, r := range c.strata {
			for i, e := range r.exits {
				p.time(r.risk[i], r.tied[i], e.events, c.efron, r.g[i])
				mean += r.g[i] * float64(e.events)
			}
		}
		plain := make([]float64, q)
		for a, j := range c.fit.cols {
			plain[a] = c.events[j] - p.score[a]
			weighted[a] -= p.gScore[a]
		}
		c.test = newZPH(mean/d, weighted, plain, p.info, p.gInfo, p.ggInfo)
	}
}
