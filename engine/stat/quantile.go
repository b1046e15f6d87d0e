package stat

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// quantile is one value to report: R's quantile(x, p, type).
type quantile struct {
	p    float64
	kind int // 7, 1 or 2
}

// ranks returns the two order statistics of n that a quantile lies between and
// the weight of the second. From type 1 and 2's rank, 4 units of rounding in n·p are forgiven, as R does.
func (q quantile) ranks(n int64) (r1, r2 int64, weight float64) {
	if q.kind == 7 {
		index := 1 + float64(n-1)*q.p
		lo := math.Floor(index)
		return int64(lo), int64(math.Ceil(index)), index - lo
	}
	const fuzz = 4 * 0x1p-52
	np := float64(n) * q.p
	j := math.Floor(np + fuzz)
	switch {
	case np > j+fuzz:
		weight = 1
	case q.kind == 2:
		weight = 0.5
	}
	r1, r2 = min(max(int64(j), 1), n), min(max(int64(j)+1, 1), n)
	if weight == 1 {
		r1 = r2
	} else if weight == 0 {
		r2 = r1
	}
	return r1, r2, weight
}

// want asks a search for what the quantile needs.
func (q quantile) want(c *search, minCell int64) {
	if c.of.n > 0 {
		r1, r2, _ := q.ranks(c.of.n)
		c.want(r1, minCell)
		c.want(r2, minCell)
	}
}

// of returns the quantile of a finished search; false when the rule on outer people hides it.
func (q quantile) of(c *search, minCell int64) (float64, bool) {
	r1, r2, w := q.ranks(c.of.n)
	k1, ok1 := c.order(r1, minCell)
	k2, ok2 := c.order(r2, minCell)
	if !ok1 || !ok2 {
		return math.NaN(), false
	}
	x, y := c.field.Value(k1), c.field.Value(k2)
	if w == 0 || x == y {
		return x, true
	}
	// Explicit conversions forbid fusing, which would change the last bit on some processors.
	return float64((1-w)*x) + float64(w*y), true
}

// name is the key of a quantile in the result: median, q05, q25, ..., else q and the percentage with _ for the point.
func (q quantile) name() string {
	switch q.p {
	case 0.5:
		return "median"
	case 0.05:
		return "q05"
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(q.p, 'f', -1, 64))
	percent := strings.TrimRight(r.Mul(r, big.NewRat(100, 1)).FloatString(20), "0")
	return "q" + strings.ReplaceAll(strings.TrimSuffix(percent, "."), ".", "_")
}

// quantilesOf checks the keys of a study file.
func quantilesOf(ps []float64, kind int) ([]quantile, error) {
	if kind == 0 {
		kind = 7
	}
	if kind != 7 && kind != 1 && kind != 2 {
		return nil, fmt.Errorf("quantile_type is %d, want 7, 1 or 2", kind)
	}
	var list []quantile
	for _, p := range ps {
		if !(p >= 0.001 && p <= 0.999) {
			return nil, fmt.Errorf("quantiles: %s is not between 0.001 and 0.999: a minimum or maximum is a single person's value", number(p))
		}
		if slices.Contains(list, quantile{p, kind}) {
			return nil, fmt.Errorf("quantiles: %s is listed twice", number(p))
		}
		list = append(list, quantile{p, kind})
	}
	return list, nil
}
