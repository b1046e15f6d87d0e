package stat

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

var printTable = flag.Bool("table", false, "TestProjectionTable prints what degree, width, ridge and heterogeneity do to an encrypted model")

// problem is a model and the rows it is fitted on.
type problem struct {
	name  string
	begin func(Args) (Program, error)
	args  Args
	views []*table.View
	want  Frame // the maximum of the likelihood
}

// problems are the reference models with a sound fit, named or all.
func problems(t *testing.T, names ...string) (all []*problem) {
	t.Helper()
	for _, m := range modelledBy(t, "logistic") {
		found := len(names) == 0
		for _, n := range names {
			found = found || n == m.name
		}
		if !found || m.fit != nil || unsolved[m.name] != "" || strings.HasPrefix(m.name, "birthwt_hard/") || strings.HasPrefix(m.name, "hardcases/") {
			continue
		}
		p := &problem{name: m.name, args: m.args, views: m.views(t, m.set.tables...)}
		p.begin = func(a Args) (Program, error) { return Logistic{}.Begin(a, m.set.schema) }
		all = append(all, p.solved(t))
	}
	return all
}

// differing draws 10 hospitals with 10,000 rows of 32 standard normal covariates each, of three decimals. Slopes
// are normal with SD 0.2, and each hospital's differ from them by a normal number with SD sd.
func differing(t *testing.T, sd float64) *problem {
	t.Helper()
	const hospitals, rows, p = 10, 10_000, 32
	r := rand.New(rand.NewPCG(1, 7))
	s := &table.Schema{Fields: []table.Field{{Name: "y", Kind: table.Binary, Max: 1}}}
	beta, terms := make([]float64, p), make([]string, p)
	for j := range p {
		terms[j] = fmt.Sprintf("x%d", j+1)
		s.Fields = append(s.Fields, table.Field{Name: terms[j], Min: -6, Max: 6, Grid: table.Grid{M: 1, E10: -3}, GridDeclared: true})
		beta[j] = 0.2 * r.NormFloat64()
	}
	for k := range hospitals {
		s.Sites = append(s.Sites, fmt.Sprintf("s%d", k))
	}
	out := &problem{name: fmt.Sprintf("10 x 10,000 x 32, slopes differ by %g", sd),
		args: Args{Kind: "logistic", Formula: "y ~ " + strings.Join(terms, " + "), Rules: Rules{MinCell: 1, MinSites: 1, MaxRows: testRows}}}
	for k := range hospitals {
		own := make([]float64, p)
		for j := range own {
			own[j] = beta[j] + sd*r.NormFloat64()
		}
		cols := make([][]float64, p+1)
		for range rows {
			eta := 0.0
			for j := range p {
				x := math.Max(-6, math.Min(6, math.Round(r.NormFloat64()*1000)/1000))
				cols[j+1] = append(cols[j+1], x)
				eta += x * own[j]
			}
			y := 0.0
			if r.Float64() < 1/(1+math.Exp(-eta)) {
				y = 1
			}
			cols[0] = append(cols[0], y)
		}
		tab, err := table.New(s, s.Sites[k], cols)
		if err != nil {
			t.Fatal(err)
		}
		v, err := tab.Select()
		if err != nil {
			t.Fatal(err)
		}
		out.views = append(out.views, v)
	}
	out.begin = func(a Args) (Program, error) { return Logistic{}.Begin(a, s) }
	return out.solved(t)
}

func (p *problem) solved(t *testing.T) *problem {
	t.Helper()
	a := p.args
	a.Evaluate, a.Drop1 = &Evaluate{}, false
	var err error
	if p.want, _, err = drive(t, p.program(t, a, projection{}, new([]*logisticPart)), p.views...); err != nil {
		t.Fatal(err)
	}
	return p
}

// program makes programs with a projection of other constants, and keeps their parts.
func (p *problem) program(t *testing.T, a Args, with projection, parts *[]*logisticPart) func() Program {
	return func() Program {
		q, err := p.begin(a)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := q.(*veiledProgram); ok {
			l := v.veiled[0].(*logisticPart)
			with.degree = l.veiled.root.Degree
			l.veiled.projection = with
			*parts = append(*parts, l)
		}
		return q
	}
}

// errorsOf are the largest errors, in standard errors, of the start model, after one exact step and after two.
func (p *problem) errorsOf(t *testing.T, degree int, with projection) (e [3]float64, s solved, rule string) {
	t.Helper()
	a := encrypted(p.args, 2)
	a.Degree = degree
	var parts []*logisticPart
	_, record, err := drive(t, p.program(t, a, with, &parts), p.views...)
	s = lastSolved
	var refused *Refusal
	if errors.As(err, &refused) {
		return e, s, refused.Rule
	}
	if err != nil {
		t.Fatal(err)
	}
	l := parts[0]
	models := [][]float64{}
	for _, o := range record {
		if o.ask.Opening == l.place.fit+1 { // the census is opening 0
			models = append(models, o.ask.State[2*len(l.columns):])
		}
	}
	models = append(models, l.main.estimate)
	for i, b := range models {
		l.main.estimate = b
		at := 0
		estimates := l.unscaledEstimate(l.main, l.scale)
		for _, r := range p.want.Tidy {
			if se, exists := r.Get("std_error").(float64); exists {
				e[i] = math.Max(e[i], math.Abs(estimates[at]-r.Get("estimate").(float64))/se)
				at++
			}
		}
	}
	return e, s, ""
}

func cellOf(e [3]float64, rule string) string {
	if rule != "" {
		return "refused: " + rule
	}
	return fmt.Sprintf("%.2g, %.0e, %.0e", e[0], e[1], e[2])
}

// TestProjectionTable prints two tables in Markdown:
//
//	go test ./engine/stat -run TestProjectionTable -v -args -table
func TestProjectionTable(t *testing.T) {
	if !*printTable {
		t.Skip("-table prints it")
	}
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	var drawn []*problem
	for _, sd := range []float64{0, 0.05, 0.1} {
		drawn = append(drawn, differing(t, sd))
	}
	put("\n| model | columns | degree 3: start, +1, +2 steps | degree 2 | condition | contraction | coefficients of degree 1, 2, 3 |\n|---|---|---|---|---|---|---|")
	for _, p := range append(problems(t), drawn...) {
		e3, s, rule3 := p.errorsOf(t, 3, projection{})
		e2, _, rule2 := p.errorsOf(t, 2, projection{})
		put("| %s | %d | %s | %s | %.0f | %.2f | %.2g, %.2g, %.2g |", p.name, len(s.b), cellOf(e3, rule3), cellOf(e2, rule2), s.rho, s.rate, s.sums[1], s.sums[2], s.sums[3])
	}
	settings := []struct {
		name   string
		degree int
		projection
	}{
		{"as is", 3, projection{}},
		{"degree 2", 2, projection{}},
		{"ridge 1", 3, projection{ridge: 1}},
		{"ridge 30", 3, projection{ridge: 30}},
		{"width 0.3, 0.015 SD", 3, projection{width: 0.3, spread: 0.015}},
		{"width 2, 0.1 SD", 3, projection{width: 2, spread: 0.1}},
		{"width at most 0.5", 3, projection{most: 0.5}},
	}
	some := append(problems(t, "cgd/lr_main", "birthwt/lr_full", "aids2/lr_cat", "rotterdam_gbsg/lr_rfs", "heart4/lr_main", "ist_eu/lr_int"), drawn...)
	head, line := "\n| |", "|---|"
	for _, p := range some {
		head, line = head+" "+p.name+" |", line+"---|"
	}
	put("%s\n%s", head, line)
	for _, c := range settings {
		row := "| " + c.name + " |"
		for _, p := range some {
			e, _, rule := p.errorsOf(t, c.degree, c.projection)
			row += " " + cellOf(e, rule) + " |"
		}
		put("%s", row)
	}
	t.Log(b.String())
}

func TestErrorsGrowAsTheTableSays(t *testing.T) {
	p := problems(t, "cgd/lr_main")[0]
	cubic, _, _ := p.errorsOf(t, 3, projection{})
	quadratic, _, _ := p.errorsOf(t, 2, projection{})
	taylor, _, _ := p.errorsOf(t, 2, projection{width: 1e-9, spread: 1e-9})
	if !(cubic[0] < 0.05 && cubic[0] < quadratic[0] && quadratic[0] < 0.15 && cubic[2] < cubic[1] && cubic[1] < cubic[0]) {
		t.Errorf("start model %v standard errors off with degree 3, %v with 2", cubic, quadratic)
	}
	t.Logf("degree 3 %v, 2 %v, 2 by Taylor's series %v", cubic, quadratic, taylor)
}
