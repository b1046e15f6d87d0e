package stat

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/table"
)

// Describe summarises variables one by one, each over the rows where it is not
// missing: numbers by moments and quantiles, categories and binaries by counts.
//
// Keys: variables; by, a category whose levels are described separately;
// quantiles, numbers between 0 and 1; quantile_type 7 (default), 1 or 2 as R's.
// One row per variable and group, for categories per level. Census and tally,
// two sums of moments, then the search for quantiles: 2 to 8 sums on whole
// numbers, more on fine grids, at most the bits of the declared range and two.
type Describe struct{}

var _ Statistic = Describe{}

// Begin implements Statistic.
func (Describe) Begin(args Args, s *table.Schema) (Program, error) {
	ps, err := quantilesOf(args.Quantiles, args.QuantileType)
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	p, err := newProfile(args, s, 4, false)
	if err != nil {
		return nil, err
	}
	for _, name := range args.Variables {
		if _, err := p.add(s, name, ps); err != nil {
			return nil, err
		}
	}
	return p.program(nil, nil, func() Frame {
		f := p.census.counts()
		for _, v := range p.vars {
			for i, column := range p.columns {
				switch {
				case p.absent(column):
				case v.factor != nil:
					f.Tidy = append(f.Tidy, p.category(v, column)...)
				default:
					f.Tidy = append(f.Tidy, p.described(v, i))
				}
			}
		}
		return f
	}), nil
}

// described is the row of a number in one column.
func (p *profile) described(v *profiled, i int) Record {
	r, gone := p.number(v, p.columns[i])
	s := v.samples[i]
	r = r.Put("mean", s.mean()).Put("sd", s.sd()).Put("var", s.variance()).Put("sem", s.sem()).
		Put("sum", s.total()).Put("skewness", s.skewness()).Put("kurtosis", s.kurtosis())
	r = p.putQuantiles(r, v, p.columns[i])
	if gone {
		return r.Put("suppressed", true)
	}
	p.remark(s)
	return r
}
