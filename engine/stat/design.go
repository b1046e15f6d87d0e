package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// regression is what linear and logistic models have in common: the formula
// bound to the dictionary and, after the census, the columns that have rows.
type regression struct {
	args    Args
	model   *formula.Model
	most    *formula.Design // with every declared level: what the plan is made of
	rare    []string        // variables of two values that no column counts, but the census
	design  *formula.Design // with the levels that have rows
	columns []*regressor    // of the design in use
	n       int64
	rows    uint64 // bound on the rows of all hospitals

	sandwich *sandwich // nil: standard errors are the model's
	warnings []string
}

// regressor is a column of the model matrix, or the outcome, on its way into sums.
type regressor struct {
	formula.Column
	grid   bool       // values are whole multiples of unit, few enough to be summed as integers
	unit   fixed.Step // of a grid column
	whole  bool       // products of deviations are whole numbers of units, too
	centre float64    // near the pooled mean; 0 in a model without intercept
	k      int64      // the centre in units; grid columns only
	half   float64    // no value is farther from the centre
	sum    *big.Float // over all rows

	support formula.Support
}

// gridPoints is the largest number of units between the ends of a column that
// is summed as integers: a product of two deviations then leaves 32 bits for rows.
const gridPoints = 1 << 46

func newRegression(args Args, s *table.Schema) (*regression, error) {
	r := &regression{args: args, rows: maxRows(args.Rules)}
	f, err := formula.Parse(args.Formula)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args.Kind, err)
	}
	if r.model, err = f.Bind(s, args.Kind != "cox"); err != nil {
		return nil, fmt.Errorf("%s: %w", args.Kind, err)
	}
	if r.most, err = r.model.Design(func(name string) []bool {
		f, err := s.Factor(name)
		if err != nil {
			return nil
		}
		all := make([]bool, len(f.Levels))
		for i := range all {
			all[i] = true
		}
		return all
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", args.Kind, err)
	}
	r.rare = r.model.Rare(r.most, s)
	if len(r.most.Columns) == 0 {
		return nil, fmt.Errorf("%s: formula %s has neither an intercept nor a term", args.Kind, args.Formula)
	}
	for _, c := range append(slices.Clone(r.most.Columns), r.outcome()) {
		// Products and squares of two columns, over all rows, are sums too.
		if far := math.Max(math.Max(math.Abs(c.Min), math.Abs(c.Max)), c.Max-c.Min); !(far*far*float64(r.rows) < math.MaxFloat64/4) {
			if c.Term == len(r.model.Terms) && r.model.HasOffset {
				c.Name += " less the offset"
			}
			return nil, fmt.Errorf("%s: %s reaches %.3g over the declared ranges: its squares over %d rows do not fit a 128-bit sum: declare a narrower range or another unit", args.Kind, c.Name, far, r.rows)
		}
	}
	if args.Ridge != nil {
		switch {
		case !(*args.Ridge >= 0) || math.IsInf(*args.Ridge, 1):
			return nil, fmt.Errorf("%s: ridge is %v, want a number of at least 0", args.Kind, *args.Ridge)
		case !r.model.Intercept:
			return nil, fmt.Errorf("%s: ridge needs an intercept: columns are standardised around their means", args.Kind)
		case args.Drop1 && *args.Ridge > 0:
			return nil, fmt.Errorf("%s: drop1 compares fits that are not penalised: leave out ridge or drop1", args.Kind)
		}
	}
	if r.sandwich, err = newSandwich(args); err != nil {
		return nil, err
	}
	return r, checkVIF(args)
}

// expReach is how far a linear predictor may reach over the declared ranges for
// sums of its exponential to keep their digits: their step is 2^-94 of the
// largest possible term. Beyond, Newton's decrement stops falling in their
// rounding, as if the estimate were infinite.
const expReach = 40

const tooFar = "the linear predictor reaches so far over the declared ranges that sums of its exponential do not keep their digits"

// offsetBeyond refuses a model whose offset alone reaches too far.
func (r *regression) offsetBeyond() error {
	if far := math.Max(math.Abs(r.model.OffsetMin), math.Abs(r.model.OffsetMax)); r.model.HasOffset && !(far < expReach) {
		remedy := "write offset(log(x)) where x is person-time; or declare narrower ranges of the offset's variables"
		if r.args.Kind == "cox" {
			remedy += ", or take strata: site, which does not need them"
		}
		return &Refusal{Rule: "resolution", Message: fmt.Sprintf("%s: the offset alone by %.3g, where %v is the most", tooFar, far, expReach), Remedy: remedy}
	}
	return nil
}

// penalty is the ridge parameter, 0 without one.
func (r *regression) penalty() float64 {
	if r.args.Ridge == nil {
		return 0
	}
	return *r.args.Ridge
}

// settle chooses the columns once the census is known and applies the rules on
// rows and levels.
func (r *regression) settle(c *census) error {
	r.n = c.n
	if c.n == 0 {
		return &Refusal{Rule: "rows", Message: "no row is complete for all variables of the model", Remedy: "leave out the variable with the most missing values"}
	}
	var err error
	r.design, err = r.model.Design(func(name string) []bool {
		for i, f := range c.factors {
			if f.Name == name {
				present := make([]bool, len(f.Levels))
				for l, n := range c.levels[i] {
					present[l] = n > 0
				}
				return present
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", r.args.Kind, err)
	}
	r.warnings = append(r.warnings, r.design.Warnings...)
	r.columns = nil
	for j, d := range r.design.Columns {
		c := newRegressor(d)
		c.support = r.design.Support(j)
		r.columns = append(r.columns, c)
	}
	if err := r.sandwich.few(len(r.columns), c.sites, r.args.Rules); err != nil {
		return err
	}
	return r.smallLevels(c)
}

func newRegressor(d formula.Column) *regressor {
	c := &regressor{Column: d, half: math.Max(math.Abs(d.Min), math.Abs(d.Max))}
	if g := d.Grid; g != nil {
		c.unit = fixed.Decimal(g.M, g.E10)
		c.grid = g.M < 1<<31 && (d.Max-d.Min)/c.unit.Float() < gridPoints && c.half/c.unit.Float() < 1<<53
	}
	return c
}

// slopes are the columns other than the intercept.
func (r *regression) slopes() []*regressor {
	if r.model.Intercept {
		return r.columns[1:]
	}
	return r.columns
}

// counts reports whether the column's sum is a number of people.
func (c *regressor) counts() bool { return c.ZeroOne || c.Term < 0 }

// sumCell is the cell of the column's sum.
func (c *regressor) sumCell(rows uint64) Cell {
	name := "sum of " + c.Name
	if c.ZeroOne {
		name = "rows with " + c.Name
	}
	if exact := (fixed.Cell{Max: math.Max(math.Abs(c.Min), math.Abs(c.Max)), Step: c.unit}); c.grid && exact.Fits(rows) {
		return Cell{Cell: exact, Name: name}
	}
	c.grid = false
	return Cell{Cell: fixed.Binary(math.Max(math.Abs(c.Min), math.Abs(c.Max)), rows), Name: name}
}

// place puts the centre at the grid point nearest the mean, or at the mean, in
// 40 bits: it is part of the state that all hospitals agree on.
func (c *regressor) place(n int64) {
	mean := newBig(0).Quo(c.sum, newBig(float64(n)))
	if c.grid {
		c.k = int64(Round40(math.RoundToEven(rounded(newBig(0).Quo(mean, c.unit.Big())))))
		c.centre = rounded(newBig(0).Mul(newBig(float64(c.k)), c.unit.Big()))
	} else {
		c.centre = Round40(rounded(mean))
	}
	c.half = math.Max(c.Max-c.centre, c.centre-c.Min)
}

// exactCentre is the centre as it is subtracted.
func (c *regressor) exactCentre() *big.Float {
	if c.whole {
		return newBig(0).Mul(newBig(float64(c.k)), c.unit.Big())
	}
	return newBig(c.centre)
}

// constant reports whether a column is the same for everyone, from its sum of
// squares about the mean and about 0, summed in steps of step; or refuses a
// column whose steps are too coarse for its SD, step > 2^-40 SD^2. tolerance is
// that of R's rule for aliasing, squared.
func (c *regressor) constant(spread, raw, tolerance, step float64, n int64) (bool, error) {
	hidden := 4 * float64(n) * step // a spread below may be rounding, or rounded away
	if spread <= math.Max(hidden, tolerance*raw) && (hidden <= tolerance*raw || spread == 0 && c.sum.Sign() == 0) {
		return true, nil
	}
	if sd2 := spread / float64(n); spread <= hidden || step > 0x1p-40*sd2 {
		return false, &Refusal{Rule: "resolution",
			Message: fmt.Sprintf("the declared range of %s reaches %.3g from its mean, but its SD is %.3g: too wide to keep its digits", c.Name, c.half, math.Sqrt(math.Max(0, sd2))),
			Remedy:  "narrow min and max of its variables, lower max_rows, or declare a step"}
	}
	return false, nil
}

// names lists column names for a steward, at most eight.
func names(columns []formula.Column) string {
	var out []string
	for _, c := range columns {
		if c.Term < 0 {
			continue
		}
		if len(out) == 8 {
			out = append(out, "...")
			break
		}
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

// zeroOnes counts the 0/1 columns beside the intercept, whose sums are numbers of people.
func zeroOnes(columns []formula.Column) (n int) {
	for _, c := range columns {
		if c.ZeroOne && c.Term >= 0 {
			n++
		}
	}
	return n
}

// centres lists the centres for the state of an ask.
func centres(columns []*regressor) []float64 {
	out := make([]float64, len(columns))
	for i, c := range columns {
		if c.grid {
			out[i] = float64(c.k)
		} else {
			out[i] = c.centre
		}
	}
	return out
}
