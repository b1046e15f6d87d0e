package stat

import (
	"math"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

func TestLogisticAgreesWithR(t *testing.T) {
	total := 0
	for _, m := range modelledBy(t, "logistic") {
		t.Run(m.name, func(t *testing.T) {
			f, _, err := drive(t, begin(t, Logistic{}, m.set, m.args), m.views(t, m.set.tables...)...)
			if err != nil {
				t.Fatal(err)
			}
			c := &checker{t: t, name: m.name, tol: 1e-9}
			if f.N != m.want.N || f.Excluded != m.want.Missing {
				t.Errorf("%d rows, %d dropped, R has %d, %d", f.N, f.Excluded, m.want.N, m.want.Missing)
			}
			if m.fit != nil {
				c.ridge(f, m.fit)
				total += c.n
				return
			}
			if m.want.at(t, "separation") != nil {
				separated(c, f, m.want)
				total += c.n
				return
			}

			c.coefficients(f, m.want, "z")
			c.vcov(f, m.want)
			logisticGlance(c, f, m.want)
			total += c.n
		})
	}
	t.Logf("%d numbers compared", total)
}

func logisticGlance(c *checker, f Frame, want answer) {
	c.t.Helper()
	w := want.Result
	for ours, theirs := range map[string]string{"null_deviance": "null_deviance", "df_null": "df_null", "deviance": "deviance", "df_residual": "df_residual",
		"log_lik": "loglik", "aic": "aic", "bic": "bic", "mcfadden_r2": "mcfadden_r2", "nagelkerke_r2": "nagelkerke_r2", "n_event": "n_events"} {
		c.near(ours, f.Glance.Get(ours), w[theirs], 1)
	}
	lr := w["lr_test"].(map[string]any)
	c.near("lr_statistic", f.Glance.Get("lr_statistic"), lr["statistic"], 1)
	c.near("lr_df", f.Glance.Get("lr_df"), lr["df"], 1)
	if lr["df"] != 0.0 {
		c.near("lr_p", f.Glance.Get("lr_p"), lr["p"], 1)
	}
	if in, ok := w["in_sample"].(map[string]any); ok {
		bound := f.Glance.Get("auc_bound").(float64)
		if auc := f.Glance.Get("auc").(float64); math.Abs(auc-in["auc"].(float64)) > bound {
			c.t.Errorf("%s: auc is %v within %v, R has %v", c.name, auc, bound, in["auc"])
		}
		if got, want := f.Glance.Get("auc_std_error"), in["auc_se_delong"].(float64); bound < 0.005 && math.Abs(got.(float64)-want) > 0.02*want {
			c.t.Errorf("%s: auc_std_error is %v, R has %v", c.name, got, want)
		}
		c.near("brier", f.Glance.Get("brier"), in["brier"], 1)
		c.near("log_loss", f.Glance.Get("log_loss"), in["log_loss"], 1)
	}
	drops(c, f, want)
}

func drops(c *checker, f Frame, want answer) {
	c.t.Helper()
	drops, _ := want.Result["drop1"].(map[string]any)
	found := 0
	for _, r := range f.Drop1 {
		d, ok := drops[r.Get("term").(string)].(map[string]any)
		if !ok {
			continue
		}
		found++
		at := "drop1 " + r.Get("term").(string) + " "
		c.near(at+"df", r.Get("df"), d["df"], 0)
		c.near(at+"statistic", r.Get("statistic"), d["lrt"], 1)
		if d["df"] != 0.0 {
			c.near(at+"p_value", r.Get("p_value"), d["p"], 1)
		}
	}
	if found != len(drops) {
		c.t.Errorf("%s: drop1 has %d of R's %d terms", c.name, found, len(drops))
	}
}

// separated compares what has a limit, and the names of what has none.
func separated(c *checker, f Frame, want answer) {
	c.t.Helper()
	c.tol = 1e-6
	c.near("deviance", f.Glance.Get("deviance"), want.at(c.t, "separation", "deviance_limit"), 1)
	names := make(map[string]any)
	for _, r := range f.Tidy {
		if s := r.Get("infinite"); s != nil {
			names[r.Get("term").(string)] = s
			if r.Get("estimate") != nil || r.Get("std_error") != nil {
				c.t.Errorf("%s: %v is infinite but has an estimate", c.name, r.Get("term"))
			}
		}
	}
	if len(names) == 0 || len(f.Warnings) == 0 {
		c.t.Errorf("%s: separation is not named: %v", c.name, f.Warnings)
	}
	list, quasi := want.at(c.t, "separation", "infinite").([]any)
	if !quasi {
		return // complete: no coefficient has a limit
	}
	for _, v := range list {
		if w := v.(map[string]any); names[w["name"].(string)] != w["sign"] {
			c.t.Errorf("%s: %v is %v, want %v", c.name, w["name"], names[w["name"].(string)], w["sign"])
		}
	}
	if len(names) != len(list) {
		c.t.Errorf("%s: infinite are %v, want %v", c.name, names, list)
	}
	c.coefficients(f, want, "z")
}

// logisticOf begins a logistic model and keeps the first hospital's part at hand.
func logisticOf(t *testing.T, set *reference, args Args) (func() Program, func() *logisticPart) {
	t.Helper()
	var first *logisticPart
	p := begin(t, Logistic{}, set, args)
	return func() Program {
		q := p()
		if first == nil {
			first = q.(*program).parts[0].(*logisticPart)
		}
		return q
	}, func() *logisticPart { return first }
}

func TestLogisticShortensAStepThatRaisesTheDeviance(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	p, part := logisticOf(t, set, Args{Kind: "logistic", Formula: "low ~ age + offset(bwt / 10)"})
	f := run(t, p, set.tables...)
	if part().main.shortened == 0 || f.Glance.Get("converged") != true {
		t.Fatalf("%d steps shortened, converged %v", part().main.shortened, f.Glance.Get("converged"))
	}
	// At the maximum the residuals sum to 0, by themselves and times age.
	a, b := f.Tidy[0].Get("estimate").(float64), f.Tidy[1].Get("estimate").(float64)
	var score, ages float64
	for _, tab := range set.tables {
		low, _ := tab.Column("low")
		age, _ := tab.Column("age")
		bwt, _ := tab.Column("bwt")
		for i := range low {
			r := low[i] - 1/(1+math.Exp(-a-b*age[i]-bwt[i]/10))
			score += r
			ages += r * age[i]
		}
	}
	if math.Abs(score) > 1e-9 || math.Abs(ages) > 1e-7 {
		t.Errorf("score %v, %v at the estimate, want 0", score, ages)
	}
}

func TestLogisticWarnsWhenItDoesNotConverge(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	f := run(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "low ~ age + offset(bwt)"}), set.tables...)
	if f.Glance.Get("converged") != false || !strings.Contains(strings.Join(f.Warnings, "\n"), "did not converge in 25 rounds") {
		t.Errorf("converged %v, warnings %v", f.Glance.Get("converged"), f.Warnings)
	}
}

func TestLogisticRunsAsManyRoundsAsForced(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	for _, rounds := range []int{1, 3, 9} {
		v := modelled{}.views(t, set.tables...)
		_, opened, err := drive(t, begin(t, Logistic{}, set, Args{Kind: "logistic", Formula: "low ~ age + lwt", NewtonRounds: rounds, Evaluate: &Evaluate{}}), v...)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(opened) - 3; n != rounds { // census, sums, squares
			t.Errorf("%d Newton rounds, want %d", n, rounds)
		}
	}
}

func TestNewtonRoundsAllocateTheSameForAnyNumberOfRows(t *testing.T) {
	count := func(n int) float64 {
		s, tables, f := cohort(t, n, 4, 1)
		p, err := Logistic{}.Begin(Args{Kind: "logistic", Formula: f, Rules: open}, s)
		if err != nil {
			t.Fatal(err)
		}
		view, err := tables[0].Select()
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // census, sums, squares, two Newton rounds
			if sums := mapped(t, p, view); sums.Len() > 0 {
				if _, err := p.Reduce(total(t, sums, n)); err != nil {
					t.Fatal(err)
				}
			}
		}
		return testing.AllocsPerRun(5, func() { mapped(t, p, view) })
	}
	if few, many := count(1000), count(50_000); many > few {
		t.Errorf("%v allocations a round for 1,000 rows, %v for 50,000", few, many)
	}
}

// mapped is one hospital's term of what a program asks.
func mapped(t *testing.T, p Program, v *table.View) *fixed.Sums {
	t.Helper()
	var all []fixed.Cell
	for _, a := range p.Ask() {
		for _, c := range a.Cells {
			all = append(all, c.Cell)
		}
	}
	sums := fixed.New(all)
	if err := p.Map(v, sums); err != nil {
		t.Fatal(err)
	}
	return sums
}

// total reads one hospital's term as if it were all hospitals'.
func total(t *testing.T, sums *fixed.Sums, rows int) fixed.Totals {
	t.Helper()
	x, err := fixed.Decode(sums.Cells(), sums.Words(), uint64(rows))
	if err != nil {
		t.Fatal(err)
	}
	return x
}
