package stat

import (
	"fmt"
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// begin applies the rules on events and asks for the sums of the columns.
func (c *coxPart) begin() error {
	least := int64(c.args.Rules.MinCell)
	switch rest := c.n - c.nEvent; {
	case c.nEvent == 0:
		return &Refusal{Rule: "constant_outcome", Message: "nobody has the event: there is no likelihood to maximise", Remedy: "widen the cohort, or follow it longer"}
	case least > 1 && (c.nEvent < least || rest > 0 && rest < least):
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d people have the event, or fewer have not", least),
			Remedy: "widen the cohort, or choose another event"}
	}
	c.asks = []Ask{{Opening: c.place.sums, Cells: c.sumCells()}}
	return nil
}

func (c *coxPart) add(rows *table.View, out *fixed.Sums) error {
	at := 0
	for _, p := range c.inner {
		if n := cells(p.ask()); n > 0 {
			if err := p.add(rows, out.Slice(at, at+n)); err != nil {
				return err
			}
			at += n
		}
	}
	if len(c.asks) == 0 {
		return nil
	}
	out = out.Slice(at, out.Len())
	m, err := c.matrix(rows)
	if err != nil {
		return err
	}
	switch c.stage {
	case coxSums:
		for i, col := range c.columns {
			addColumn(m.panels, i, col, out, i, false)
		}
	case coxSquares:
		c.addSquareCells(m.panels, out)
	case coxNewton:
		if c.own {
			c.addOwn(m, out)
		} else {
			c.addByTime(m, out)
		}
	case coxFinal:
		c.addFinal(m, out)
	}
	return nil
}

func (c *coxPart) reduce(t fixed.Totals) error {
	at, waits := 0, false
	for _, p := range c.inner {
		if n := cells(p.ask()); n > 0 {
			if err := p.reduce(t.Slice(at, at+n)); err != nil {
				return err
			}
			at += n
			waits = waits || len(p.ask()) > 0
		}
	}
	if n := cells(c.asks); n > 0 {
		c.asks = nil
		if err := c.take(t.Slice(at, at+n)); err != nil {
			return err
		}
	}
	if c.stage == coxWaits && !waits {
		return c.startNewton()
	}
	return nil
}

// take goes on from the totals of its own asks.
func (c *coxPart) take(t fixed.Totals) error {
	switch c.stage {
	case coxSums:
		sums := c.readSums(t)
		if err := c.smallColumns(); err != nil {
			return err
		}
		table, err := c.crossTable()
		if err != nil {
			return err
		}
		if err := c.smallTable(table, sums); err != nil {
			return err
		}
		if err := c.smallInteractions(); err != nil {
			return err
		}
		c.stage = coxSquares
		squares := c.squareCells()
		if len(squares) == 0 {
			return c.takeSquares(fixed.Totals{})
		}
		c.asks = []Ask{{Opening: c.place.squares, Cells: squares, State: centres(c.columns)}}
	case coxSquares:
		return c.takeSquares(t)
	case coxNewton:
		return c.takeRound(t)
	case coxFinal:
		c.takeFinal(t)
		c.stage = coxDone
	}
	return nil
}

func (c *coxPart) takeSquares(t fixed.Totals) (err error) {
	if c.scale, c.varies, err = c.readSquares(t); err != nil {
		return err
	}
	c.varies = slices.DeleteFunc(c.varies, func(j int) bool { return c.columns[j].Term < 0 })
	if len(c.varies) == 0 {
		return &Refusal{Rule: "rows", Message: "every column of the model is the same for everyone", Remedy: "leave out the terms that do not vary, or widen the cohort"}
	}
	c.stage = coxWaits
	return nil
}

// reach is the largest absolute value of a standardised column.
func (c *coxPart) reach(j int) float64 { return c.columns[j].half / c.scale[j] * (1 + 0x1p-45) }

// far is the largest absolute value of a linear predictor at the beta of the round.
func (c *coxPart) far(beta []float64) float64 {
	far := math.Max(math.Abs(c.model.OffsetMin), math.Abs(c.model.OffsetMax))
	for a, j := range c.fit.cols {
		far += math.Abs(beta[a]) * c.reach(j)
	}
	return far
}

// startNewton begins at 0.
func (c *coxPart) startNewton() error {
	c.stage = coxNewton
	if !c.own {
		if err := c.layRiskSets(); err != nil {
			return err
		}
	}
	c.fit = newNewton(c.varies, true, func(int) float64 { return 0 }, c.dependent)
	c.next()
	return nil
}

// next asks for a round of Newton's method.
func (c *coxPart) next() {
	f := c.fit
	state := append(append(centres(c.columns), c.scale...), f.beta...)
	if c.own {
		c.asks = []Ask{{Opening: c.place.fit, Cells: c.ownCells(c.fit), State: state}}
		return
	}
	c.asks = nil
	if f.rounds == 0 {
		c.asks = append(c.asks, Ask{Opening: c.place.events, Cells: c.eventCells(), State: state})
	}
	c.asks = append(c.asks, Ask{Opening: c.place.fit, Cells: c.timeCells(), State: state})
}
