package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// LogRank is the kind logrank: Mantel's log-rank test between the groups of a
// category, as R's survdiff.
//
// Keys: time, event, by; strata? (one variable or several); grid?. With the hospital among
// the strata, each hospital works out its own observed and expected events and their
// variances, and only the sums of these over hospitals are opened; otherwise
// the numbers of people who leave at each time, by group and stratum.
type LogRank struct{}

var _ Statistic = LogRank{}

// Begin implements Statistic.
func (LogRank) Begin(args Args, s *table.Schema) (Program, error) {
	own := slices.Contains(args.Strata, table.Site) // strata within hospitals
	var factors []table.Factor
	for _, name := range append([]string{args.By}, args.Strata...) {
		f, err := s.Factor(name)
		if err != nil {
			return nil, fmt.Errorf("logrank: %w", err)
		}
		if slices.ContainsFunc(factors, func(o table.Factor) bool { return o.Name == name }) {
			return nil, fmt.Errorf("logrank: %q stands twice in by and strata", name)
		}
		if name != table.Site || !own {
			factors = append(factors, f)
		}
	}
	u, err := newFollowUp(args, s, factors)
	if err != nil {
		return nil, err
	}
	c, err := newCensus(args, s, u.variables(), []string{args.By})
	if err != nil {
		return nil, err
	}
	r := &logRank{args: args, u: u, c: c}
	p := &program{census: c}
	if own {
		r.local = newLogRankPart(u, args.Rules)
		p.parts, p.blind = []part{r.local}, true
	} else {
		p.parts = u.parts()
	}
	p.start = func() error {
		groups, warnings, err := fullGroups("logrank", c.factors[0], c.levels[0], args.Rules.MinCell)
		if r.warnings = warnings; err != nil {
			return err
		}
		if groups < 2 && r.local == nil {
			u.end()
		}
		return nil
	}
	p.finish = func() (Frame, error) { return r.frame(), nil }
	return p, nil
}

type logRank struct {
	args     Args
	u        *followUp
	c        *census
	local    *logRankPart
	warnings []string
}

// rankScore are the sums of the log-rank test over strata and times: observed
// and expected events of each group, and the hypergeometric covariances of the observed.
type rankScore struct {
	observed []int64
	expected []float64
	variance [][]float64
}

func newRankScore(groups int) *rankScore {
	s := &rankScore{observed: make([]int64, groups), expected: make([]float64, groups), variance: make([][]float64, groups)}
	for g := range s.variance {
		s.variance[g] = make([]float64, groups)
	}
	return s
}

// stratum adds one stratum: the exits of each group.
func (s *rankScore) stratum(groups [][]exit) {
	var times []float64
	risk := make([]float64, len(groups))
	for g, exits := range groups {
		for _, e := range exits {
			times = append(times, e.time)
			risk[g] += float64(e.events + e.lost)
		}
	}
	slices.Sort(times)
	at := make([]int, len(groups))
	events := make([]float64, len(groups))
	for _, t := range slices.Compact(times) {
		var n, d float64
		for g, exits := range groups {
			n += risk[g]
			if events[g] = 0; at[g] < len(exits) && exits[at[g]].time == t {
				events[g] = float64(exits[at[g]].events)
				s.observed[g] += exits[at[g]].events
			}
			d += events[g]
		}
		if d > 0 {
			v := 0.0 // of the whole, before shares
			if n > 1 {
				v = d * (n - d) / (n - 1)
			}
			for g := range groups {
				p := risk[g] / n
				s.expected[g] += d * p
				s.variance[g][g] += v * p * (1 - p)
				for h := g + 1; h < len(groups); h++ {
					s.variance[g][h] -= v * p * risk[h] / n
				}
			}
		}
		for g, exits := range groups {
			if at[g] < len(exits) && exits[at[g]].time == t {
				risk[g] -= float64(exits[at[g]].events + exits[at[g]].lost)
				at[g]++
			}
		}
	}
}

// test is the chi-squared statistic over the groups that have people at risk of an event.
func (s *rankScore) test() (statistic, df float64) {
	var in []int
	for g, e := range s.expected {
		if e > 0 {
			in = append(in, g)
		}
	}
	if len(in) < 2 {
		return math.NaN(), math.NaN()
	}
	in = in[1:] // they add up to 0
	v := newSymmetric(len(in))
	d := make([]*big.Float, len(in))
	for a, g := range in {
		d[a] = newBig(float64(s.observed[g]) - s.expected[g])
		for b, h := range in[a:] {
			v.at(a, a+b).SetFloat64(s.variance[g][h])
		}
	}
	f := factorize(v, func(j int, pivot *big.Float) bool {
		return rounded(pivot) < 1e-12*rounded(v.at(j, j))
	})
	if len(f.kept) == 0 {
		return math.NaN(), math.NaN()
	}
	x, q := f.solve(d), newBig(0)
	for a, j := range f.kept {
		q.Add(q, newBig(0).Mul(x[a], d[j]))
	}
	return rounded(q), float64(len(f.kept))
}

func (r *logRank) frame() Frame {
	f := r.c.counts()
	f.Warnings = r.warnings
	by, n := r.u.by[0], r.c.levels[0]
	var s *rankScore
	if r.local != nil {
		s = r.local.total
	} else {
		s = newRankScore(len(by.Levels))
		for k := range r.u.groups() / len(by.Levels) { // strata: the other factors
			var groups [][]exit
			for g := range by.Levels {
				groups = append(groups, r.u.exits(g*(r.u.groups()/len(by.Levels))+k))
			}
			s.stratum(groups)
		}
		_, more := r.u.stop.resolution()
		f.Warnings = append(f.Warnings, more...)
	}
	few := int64(r.args.Rules.MinCell)
	small := false
	for g, o := range s.observed {
		small = small || o > 0 && o < few || n[g] > o && n[g]-o < few
	}
	statistic, df := s.test()
	p := math.NaN()
	switch {
	case math.IsNaN(df):
		f.Warnings = append(f.Warnings, "fewer than two groups are at risk of an event: there is nothing to test")
	case small:
		p, statistic = twoDigits(chiUpper(statistic, df)), twoDigits(statistic)
	default:
		p = chiUpper(statistic, df)
	}
	for g, level := range by.Levels {
		if n[g] == 0 {
			continue
		}
		row := Record{}.Put("group", level).Put("n", n[g])
		if small {
			row = row.Put("observed", nil).Put("expected", nil).Put("suppressed", true)
		} else {
			row = row.Put("observed", s.observed[g]).Put("expected", s.expected[g])
		}
		f.Tidy = append(f.Tidy, row)
	}
	if small {
		f.Suppressed = true
		f.Warnings = append(f.Warnings, fmt.Sprintf("in some group fewer than %d people have the event, or fewer have not: observed and expected numbers are not shown, and the test has two digits", few))
	}
	f.Glance = Record{}.Put("statistic", statistic).Put("df", df).Put("p_value", p)
	return f
}
