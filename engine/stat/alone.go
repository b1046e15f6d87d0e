package stat

import (
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// alone runs a program over one hospital's rows, at that hospital: its totals
// are the hospital's own, and nothing of it leaves but what the caller makes of
// the outcome. A *Refusal is that of a disclosure rule on these rows.
func alone(p Program, rows *table.View) (Frame, error) {
	for {
		var all []fixed.Cell
		for _, a := range p.Ask() {
			for _, c := range a.Cells {
				all = append(all, c.Cell)
			}
		}
		sums := fixed.New(all)
		if err := p.Map(rows, sums); err != nil {
			return Frame{}, err
		}
		n := uint64(max(1, len(rows.Rows)+rows.Filtered))
		if err := sums.Check(n); err != nil {
			return Frame{}, err
		}
		totals, err := fixed.Decode(all, sums.Words(), n)
		if err != nil {
			return Frame{}, err
		}
		if done, err := p.Reduce(totals); err != nil {
			return Frame{}, err
		} else if done {
			return p.Result(), nil
		}
	}
}
