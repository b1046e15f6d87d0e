package stat

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// LRTest is the kind lrtest: the likelihood-ratio test between two nested
// models, as R's lmtest::lrtest and anova(test = "Chisq"); of linear models also
// the F test of R's anova.
//
// Keys: models, the ids of two analyses before this one, of the same kind and
// rows, one's terms among the other's. Both are fitted again, in the same sums and
// to the rows that are complete for the larger one: a smaller model fitted to more
// rows cannot be compared. What is opened is what their own analyses open.
type LRTest struct{}

var _ Statistic = LRTest{}

// Begin implements Statistic.
func (LRTest) Begin(args Args, s *table.Schema) (Program, error) {
	if len(args.OfAll) != 2 {
		return nil, fmt.Errorf("lrtest: models names %d analyses, want two", len(args.OfAll))
	}
	a, b := *args.OfAll[0], *args.OfAll[1]
	if err := comparable(a, b); err != nil {
		return nil, err
	}
	m, err := bindOf(a, s)
	if err != nil {
		return nil, err
	}
	n, err := bindOf(b, s)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Within(n) && len(m.Terms) < len(n.Terms):
	case n.Within(m) && len(n.Terms) < len(m.Terms):
		a, b = b, a
	default:
		return nil, fmt.Errorf("lrtest: %s and %s are not nested: want the same outcome, offset and intercept, and the terms of one among the other's", a.ID, b.ID)
	}
	small, err := refitted(a, args, s)
	if err != nil {
		return nil, err
	}
	large, err := refitted(b, args, s)
	if err != nil {
		return nil, err
	}
	vars := large.census.vars
	for _, f := range small.census.factors { // the smaller model's counts are those of the larger
		if !slices.ContainsFunc(large.census.factors, func(g table.Factor) bool { return g.Name == f.Name }) {
			large.census.factors = append(large.census.factors, f)
		}
	}
	p := &program{census: large.census}
	for _, q := range large.parts {
		p.parts = append(p.parts, &amongComplete{q, b.ID, nil})
	}
	for _, q := range small.parts {
		p.parts = append(p.parts, &amongComplete{q, a.ID, vars})
	}
	p.start = func() error {
		small.census.like(large.census)
		if err := small.start(); err != nil {
			return err
		}
		return large.start()
	}
	p.finish = func() (Frame, error) {
		f, err := small.finish()
		if err != nil {
			return f, err
		}
		g, err := large.finish()
		if err != nil {
			return g, err
		}
		return compared(a, b, f, g), nil
	}
	return p, nil
}

// modelKinds are the regressions that other analyses take up.
var modelKinds = []string{"linear", "logistic", "poisson", "negbin", "cox"}

// comparable refuses two analyses that no likelihood ratio compares.
func comparable(a, b Args) error {
	penalised := func(a Args) bool { return a.Firth || a.Ridge != nil && *a.Ridge > 0 }
	switch {
	case !slices.Contains(modelKinds, a.Kind):
		return fmt.Errorf("lrtest: %s is of kind %s, want one of %s", a.ID, a.Kind, strings.Join(modelKinds, ", "))
	case a.Kind != b.Kind:
		return fmt.Errorf("lrtest: %s is of kind %s, %s of kind %s: want the same", a.ID, a.Kind, b.ID, b.Kind)
	case fmt.Sprint(a.Where) != fmt.Sprint(b.Where):
		return fmt.Errorf("lrtest: %s and %s have different conditions (where): they are not fitted to the same rows", a.ID, b.ID)
	case penalised(a) || penalised(b):
		return fmt.Errorf("lrtest: a penalised model (ridge, firth) has no likelihood-ratio test")
	case a.Veil:
		return fmt.Errorf("lrtest: the likelihood on the way to an encrypted model is not opened; use privacy.reveal: sums")
	case a.Time != b.Time || a.Event != b.Event || a.Entry != b.Entry || a.Ties != b.Ties || a.Grid != b.Grid || !slices.Equal(a.Strata, b.Strata):
		return fmt.Errorf("lrtest: %s and %s differ in time, event, entry, ties, grid or strata", a.ID, b.ID)
	}
	return nil
}

// bindOf binds an analysis's formula to the dictionary.
func bindOf(of Args, s *table.Schema) (*formula.Model, error) {
	f, err := formula.Parse(of.Formula)
	if err != nil {
		return nil, fmt.Errorf("lrtest: %s: %w", of.ID, err)
	}
	return f.Bind(s, of.Kind != "cox")
}

// refitted is the program of an analysis with nothing but the fit.
func refitted(of, args Args, s *table.Schema) (*program, error) {
	of.Drop1, of.VIF, of.SE, of.Evaluate, of.PerHospital = false, false, "", &Evaluate{}, args.PerHospital
	of.CrossValidate, of.Predict, of.Times, of.Profile = nil, nil, nil, false
	if of.Kind == "cox" {
		of.ZPH = "none"
	}
	kind, _ := Lookup(of.Kind)
	p, err := kind.Statistic.Begin(of, s)
	if err != nil {
		return nil, err
	}
	return p.(*program), nil
}

// like takes the counts of a census of the same rows that has every factor of this one.
func (c *census) like(o *census) {
	c.n, c.excluded, c.filtered, c.sites = o.n, o.excluded, o.filtered, o.sites
	c.levels = nil
	for _, f := range c.factors {
		i := slices.IndexFunc(o.factors, func(g table.Factor) bool { return g.Name == f.Name })
		c.levels = append(c.levels, o.levels[i])
	}
}

// amongComplete is a part of one of several models, which sees only the rows complete for some variables.
type amongComplete struct {
	part
	model string // id
	vars  []string
}

func (p *amongComplete) plan() []Opening {
	all := slices.Clone(p.part.plan())
	for i := range all {
		all[i].What = p.model + ": " + all[i].What
	}
	return all
}

func (p *amongComplete) add(rows *table.View, out *fixed.Sums) error {
	used, _, err := rows.Complete(p.vars...)
	if err != nil {
		return err
	}
	return p.part.add(used, out)
}

// compared is the test of the smaller model against the larger.
func compared(a, b Args, small, large Frame) Frame {
	f := large
	f.Tidy, f.Glance, f.VCov, f.Tables, f.Warnings = nil, nil, nil, nil, nil
	rank := func(f Frame) (k float64) {
		for _, r := range f.Tidy {
			if r.Get("aliased") == false {
				k++
			}
		}
		return k
	}
	number := func(f Frame, key string) float64 {
		if x, ok := f.Glance.Get(key).(float64); ok {
			return x
		}
		return math.NaN()
	}
	df, statistic := rank(large)-rank(small), 2*(number(large, "log_lik")-number(small, "log_lik"))
	if df == 0 {
		statistic = math.NaN()
		f.Warnings = append(f.Warnings, "the larger model's further columns are all aliased: both are the same model")
	}
	if statistic < 0 {
		statistic = 0 // rounding
	}
	p := tail(statistic, df)
	f.Tidy = []Record{
		Record{}.Put("model", a.ID).Put("formula", a.Formula).Put("parameters", rank(small)).Put("log_lik", number(small, "log_lik")).
			Put("df", nil).Put("statistic", nil).Put("p_value", nil),
		Record{}.Put("model", b.ID).Put("formula", b.Formula).Put("parameters", rank(large)).Put("log_lik", number(large, "log_lik")).
			Put("df", df).Put("statistic", statistic).Put("p_value", p)}
	f.Glance = Record{}.Put("statistic", statistic).Put("df", df).Put("p_value", p)
	if a.Kind == "linear" && df > 0 {
		rest, rss := number(large, "df_residual"), number(large, "deviance")
		x := (number(small, "deviance") - rss) / df / (rss / rest)
		f.Glance = f.Glance.Put("f_statistic", x).Put("f_df1", df).Put("f_df2", rest).Put("f_p", fUpper(x, df, rest))
	}
	for i, g := range []Frame{small, large} {
		for _, w := range g.Warnings {
			f.Warnings = append(f.Warnings, []Args{a, b}[i].ID+": "+w)
		}
	}
	return f
}
