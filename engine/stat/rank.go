package stat

import (
	"fmt"
	"math"

	"github.com/consilium-health/consilium/engine/table"
)

// Rank is the kind of that name: Wilcoxon's rank sum test between two groups
// and the Kruskal-Wallis test between any number.
type Rank struct{}

var _ Statistic = Rank{}

// Begin implements Statistic.
func (Rank) Begin(args Args, s *table.Schema) (Program, error) {
	f, err := s.Field(args.Variable)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	if args.Variable == args.By {
		return nil, fmt.Errorf("rank: variable and by are both %q, want two variables", args.By)
	}
	c, err := newCensus(args, s, []string{args.Variable, args.By}, []string{args.By})
	if err != nil {
		return nil, err
	}
	if args.Veil {
		return beginVeiledRank(args, f, c)
	}
	by := c.factors[0]
	ranks, err := newRankPart(f, by, args.Rules)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	p := &program{census: c, parts: []part{ranks}}
	var dropped []string
	p.start = func() error {
		groups, warnings, err := fullGroups("rank", by, c.levels[0], args.Rules.MinCell)
		if dropped = warnings; err != nil {
			return err
		}
		if groups < 2 {
			ranks.stop()
			dropped = append(dropped, fmt.Sprintf("fewer than two groups of %s have people: there is nothing to test", by.Name))
		}
		return nil
	}
	p.finish = func() (Frame, error) {
		fr := c.counts()
		if ranks.tells(args.Rules.MinCell) {
			fr.Suppressed = true
			fr.Warnings = append(dropped, fmt.Sprintf("%s has two values: the test would show how many people of each group have which, and some are fewer than %d", f.Name, args.Rules.MinCell))
			return fr, nil
		}
		fr.Tidy, fr.Glance, fr.Warnings = rankRecords(ranks, dropped)
		return fr, nil
	}
	return p, nil
}

// fullGroups counts the levels that have rows and names those that have none.
// It refuses a group of fewer than min_cell people.
func fullGroups(kind string, by table.Factor, n []int64, minCell int) (groups int, warnings []string, err error) {
	for i, k := range n {
		switch {
		case k == 0:
			warnings = append(warnings, fmt.Sprintf("level %q of %s has no rows and is left out", by.Levels[i], by.Name))
		case k < int64(minCell):
			return groups, warnings, &Refusal{Rule: "min_cell",
				Message: fmt.Sprintf("%s: group %q of %s has fewer than %d people", kind, by.Levels[i], by.Name, minCell),
				Remedy:  "merge this level with another in the data, or leave it out with where:"}
		default:
			groups++
		}
	}
	return groups, warnings, nil
}

// rankRecords writes the tests. z is without continuity correction.
func rankRecords(p *rankPart, warnings []string) (tidy []Record, glance Record, _ []string) {
	none := math.NaN()
	levels := p.occupied()
	if len(levels) < 2 {
		return nil, nil, warnings
	}
	if len(levels) == 2 {
		w := p.wilcoxon(levels[0], levels[1])
		tidy = append(tidy, rankRecord("wilcoxon", w.u, w.z, none, w.p, w.pUncorrected, w.auc))
	}
	h, df, pv := p.kruskal()
	tidy = append(tidy, rankRecord("kruskal", h, none, df, pv, none, none))
	if math.IsNaN(h) {
		warnings = append(warnings, allEqual(p.grid.field.Name))
	}
	step, more := p.grid.resolution()
	if !math.IsNaN(step) {
		glance = glance.Put("resolution", step)
	}
	return tidy, glance, append(warnings, more...)
}

func rankRecord(method string, statistic, z, df, pv, uncorrected, auc float64) Record {
	return Record{}.Put("method", method).Put("statistic", statistic).Put("z", z).Put("df", df).
		Put("p_value", pv).Put("p_value_uncorrected", uncorrected).Put("auc", auc)
}

func allEqual(variable string) string {
	return fmt.Sprintf("all values of %s are equal: there is nothing to rank", variable)
}
