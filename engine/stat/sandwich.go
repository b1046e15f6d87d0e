package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"
)

// sandwich is the meat between two inverses of the information (Huber 1967,
// White 1980), which makes standard errors hold where the model's variance does
// not. With x a row of the model matrix, e its residual y - mean and h its leverage:
//
//	hc0  sum of x x' e^2                  hc2  each divided by 1-h
//	hc1  hc0 times n/(n-k)                hc3  each divided by (1-h)^2   (MacKinnon and White 1985)
//	cluster_site  sum over hospitals of s s', s = sum of x e over the hospital's rows (Liang and Zeger 1986),
//	              times g/(g-1) of g hospitals, of linear models also times (n-1)/(n-k), of Cox's times 1
//
// as R's sandwich::vcovHC and vcovCL, and coxph's cluster; of Cox models hc0 takes score residuals in place of
// x e (Lin and Wei, JASA 1989;84:1074), as coxph's robust, and hc1 to hc3 are not defined. A leverage needs nothing but the inverse
// information, which every hospital knows. Of a hospital's score s, its model's
// lean, only the products' sum over hospitals is opened: of g scores that sum to
// 0, (g-1) q numbers, it tells q (q+1)/2. Where hospitals are not many more than
// columns that is near each score: fewer than q+3 are refused. The others open
// squared residuals over the people of two yes/no columns, of Cox models over those in whose strata
// both columns vary: not those of few people.
type sandwich struct {
	kind  string
	of    string // kind of the model
	least int64  // min_cell

	crossing // of the columns of two values, all but cluster_site

	root   [][]float64 // of the bread
	score  []float64   // a hospital's own, cluster_site only
	low    []float64
	meat   []float64 // upper triangle, row by row
	rest   []float64
	count  int64   // this hospital's rows; then over all: rows of leverage near 1, or hospitals
	tell   []int64 // of score residuals: people who have both of two columns' not 0, as meat
	opened bool
}

// standardErrors are the values of the key se.
var standardErrors = []string{"model", "hc0", "hc1", "hc2", "hc3", "cluster_site"}

// nearOne is how far below 1 a leverage must stay for hc2 and hc3: beyond, a coefficient is one row's.
const nearOne = 0x1p-10

// newSandwich returns what `se` asks for, nil for the model's own standard errors.
func newSandwich(args Args) (*sandwich, error) {
	switch {
	case args.SE == "" || args.SE == "model":
		return nil, nil
	case !slices.Contains(standardErrors, args.SE):
		return nil, fmt.Errorf("%s: se %q, want one of %v", args.Kind, args.SE, standardErrors)
	case args.Ridge != nil && *args.Ridge > 0:
		return nil, fmt.Errorf("%s: a penalised model has no standard errors: leave out ridge or se", args.Kind)
	case args.Kind == "cox" && args.SE != "cluster_site" && args.SE != "hc0":
		return nil, fmt.Errorf("cox: se: %s is not computed; want hc0 or cluster_site, with strata: site", args.SE)
	case args.Veil:
		return nil, fmt.Errorf("%s: se: %s needs sums over rows at the model, which reveal: model does not open; use privacy.reveal: sums", args.Kind, args.SE)
	}
	return &sandwich{kind: args.SE, of: args.Kind, least: int64(args.Rules.MinCell)}, nil
}

func (s *sandwich) clustered() bool { return s.kind == "cluster_site" }

// levered reports whether leverages are needed.
func (s *sandwich) levered() bool { return s.kind == "hc2" || s.kind == "hc3" }

// opening declares the sum for a model of at most q columns.
func (s *sandwich) opening(q int) Opening {
	if s.clustered() {
		return Opening{What: "sums over hospitals of the products of each hospital's own score, which it works out itself; how many hospitals have a row: standard errors that allow for patients of a hospital being alike. No hospital's score",
			Cells: pairCells(q) + 1, MaxTimes: 1}
	}
	if s.of == "cox" {
		what, cells := "products of any two columns' score residuals, which each hospital works out within its own strata, summed over people: robust standard errors", pairCells(q)
		if s.least > 1 {
			what, cells = what+"; how many people's tell of any two columns, and how many people have both of two yes/no columns: where few do, no standard error is written", cells+pairCells(q)+pairCells(q-1)
		}
		return Opening{What: what, Cells: cells, MaxTimes: 1, CountsPeople: s.least > 1}
	}
	what, cells := "products of any two columns, summed with each row's squared residual as its weight, at the model: robust standard errors", pairCells(q)
	if s.levered() {
		what, cells = what+"; how many rows the model hangs on", cells+1
	}
	if s.least > 1 {
		what, cells = what+"; how many people have both of two yes/no columns: where few do, no standard error is written", cells+pairCells(q-1)
	}
	return Opening{What: what, Cells: cells, MaxTimes: 1, CountsPeople: s.levered() || s.least > 1}
}

// few refuses clusters that are too few. sites is the number of hospitals that contribute.
func (s *sandwich) few(q int, sites int64, rules Rules) error {
	if s != nil && s.of == "cox" {
		q-- // its scores have no intercept
	}
	if s == nil || !s.clustered() || rules.MinCell <= 1 || sites >= int64(q)+3 {
		return nil
	}
	return &Refusal{Rule: "clusters", Message: fmt.Sprintf("standard errors clustered by hospital need at least %d contributing hospitals for %d columns: with fewer they come near to each hospital's own score", q+3, q),
		Remedy: "leave out terms, or use se: hc3 (cox: hc0)"}
}

// mark says in a glance which standard errors are given.
func (s *sandwich) mark(g Record, f *Frame) Record {
	if s == nil {
		return g
	}
	g = g.Put("se", s.kind)
	if s.clustered() && s.opened {
		if g = g.Put("clusters", s.count); s.count < 30 {
			f.Warnings = append(f.Warnings, fmt.Sprintf("standard errors are clustered by %d hospitals: below 30 they tend to be too small", s.count))
		}
	}
	return g
}

// around is v times the meat times v, for n rows; nil with a reason where there is none.
func (s *sandwich) around(v *symmetric, n int64) (*symmetric, string) {
	k, rows, g := float64(v.n), float64(n), float64(s.count)
	factor := 1.0
	switch {
	case !s.opened:
		return nil, "the model has no finite maximum"
	case s.thin(n, s.least) != "":
		return nil, fmt.Sprintf("fewer than %d people are alike in %s, whose outcomes robust standard errors would tell; use se: model, or merge levels", s.least, s.thin(n, s.least))
	case s.silent(s.least) != "":
		return nil, fmt.Sprintf("fewer than %d people tell of %s, and robust standard errors of them; use se: model, or leave out the term", s.least, s.silent(s.least))
	case s.levered() && s.count > 0:
		return nil, "there is a row without which a coefficient has no estimate (leverage near 1); use se: hc1"
	case s.clustered() && s.count < 2:
		return nil, "fewer than two hospitals have rows"
	case s.of == "cox":
	case s.clustered() && s.of == "linear":
		factor = g / (g - 1) * (rows - 1) / (rows - k)
	case s.clustered():
		factor = g / (g - 1)
	case s.kind == "hc1":
		factor = rows / (rows - k)
	}
	if math.IsInf(factor, 0) || math.IsNaN(factor) {
		return nil, "there are as many coefficients as rows"
	}
	at := func(a, b int) float64 {
		if a > b {
			a, b = b, a
		}
		return s.meat[a*(2*v.n-a-1)/2+b]
	}
	out, t := newSymmetric(v.n), newBig(0)
	inner := make([][]*big.Float, v.n) // meat times v
	for a := range v.n {
		for b := range v.n {
			x := newBig(0)
			for c := range v.n {
				x.Add(x, t.Mul(newBig(at(a, c)), v.at(c, b)))
			}
			inner[a] = append(inner[a], x)
		}
	}
	for a := range v.n {
		for b := a; b < v.n; b++ {
			x := out.at(a, b)
			for c := range v.n {
				x.Add(x, t.Mul(v.at(a, c), inner[c][b]))
			}
			x.Mul(x, newBig(factor))
		}
		if out.at(a, a).Sign() <= 0 { // rounding of residuals that are 0
			return nil, "the residuals leave a coefficient no robust variance: the fit is perfect for its rows"
		}
	}
	return out, ""
}
