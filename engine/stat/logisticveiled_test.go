package stat

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/table"
)

// encrypted makes an analysis one of an encrypted model with so many final steps.
func encrypted(a Args, steps int) Args {
	a.Veil, a.FinalSteps, a.Drop1, a.Evaluate = true, &steps, false, &Evaluate{}
	return a
}

// inErrors is the largest distance of two fits' coefficients in standard errors of the second.
func inErrors(got, want Frame) float64 {
	worst := 0.0
	for i, r := range want.Tidy {
		se, exists := r.Get("std_error").(float64)
		if !exists {
			continue // aliased
		}
		g, both := got.Tidy[i].Get("estimate").(float64)
		if !both {
			return math.Inf(1)
		}
		worst = math.Max(worst, math.Abs(g-r.Get("estimate").(float64))/se)
	}
	return worst
}

// unsolved are the reference models that an encrypted fit refuses, by rule.
var unsolved = map[string]string{
	"birthwt/lr_separated": "separation", "birthwt_hard/lr_separated": "separation", "birthwt_hard/lr_quasi": "separation",
	"birthwt_hard/lr_zero_c_site": "separation", "cgd/lr_site_quasi": "separation", "hardcases/lr_separated": "separation",
	"hardcases/lr_quasi": "separation", "hardcases/lr_zero_c_site": "separation", "indo_rct/lr_site_quasi": "separation",
	"birthwt_hard/lr_dup": "singular", "birthwt_hard/lr_sum": "singular", "hardcases/lr_collinear_dup": "singular",
	"wdbc/lr_10": "singular", "wdbc/lr_30_separated": "singular",
	"wdbc/lr_3": "unconverged", "wdbc/lr_5": "separation", // hospitals that each separate nearly
}

func TestEncryptedLogisticComesToRs(t *testing.T) {
	bars := []float64{0.3, 0.005, 1e-5}
	worst := make([]float64, len(bars))
	for _, m := range modelledBy(t, "logistic") {
		if m.fit != nil {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			views := m.views(t, m.set.tables...)
			var want Frame
			if rule := unsolved[m.name]; rule == "" {
				m.args.Evaluate = &Evaluate{}
				var err error
				if want, _, err = drive(t, begin(t, Logistic{}, m.set, m.args), views...); err != nil {
					t.Fatal(err)
				}
			}
			for steps, bar := range bars {
				f, _, err := drive(t, begin(t, Logistic{}, m.set, encrypted(m.args, steps)), views...)
				if rule := unsolved[m.name]; rule != "" {
					var r *Refusal
					refused := errors.As(err, &r)
					switch unmeasured := func(w string) bool { return strings.Contains(w, "nor whether outcomes separate") }; {
					case steps == 0 && !refused && !slices.ContainsFunc(f.Warnings, unmeasured):
						t.Errorf("no step: got %v and no warning that nothing measures the start model", err)
					case steps > 0 && !refused, steps == 1 && r.Rule != rule:
						t.Errorf("%d steps: got %v, want a refusal, after one step by rule %s", steps, err, rule)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%d steps: %v", steps, err)
				}
				e := inErrors(f, want)
				if worst[steps] = math.Max(worst[steps], e); e > bar {
					t.Errorf("%d steps: %.2g standard errors from the maximum, want at most %g", steps, e, bar)
				}
				if steps < 2 {
					continue
				}
				c := &checker{t: t, name: m.name, tol: 5e-3}
				c.vcov(f, m.want)
				c.tol = 1e-8
				for ours, theirs := range map[string]string{"null_deviance": "null_deviance", "df_null": "df_null", "deviance": "deviance", "df_residual": "df_residual",
					"log_lik": "loglik", "aic": "aic", "bic": "bic", "mcfadden_r2": "mcfadden_r2", "n_event": "n_events"} {
					c.near(ours, f.Glance.Get(ours), m.want.Result[theirs], 1)
				}
			}
		})
	}
	t.Logf("at most %.2g, %.2g, %.2g standard errors off after 0, 1, 2 steps", worst[0], worst[1], worst[2])
}

func TestEncryptedRidgeComesToTheOpenOne(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	for _, lambda := range []float64{1, 10} {
		args := Args{Kind: "logistic", Formula: "infection ~ treat + age + inherit + propylac", Ridge: &lambda, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
		open, veiled := args, encrypted(args, 2)
		open.Evaluate = &Evaluate{}
		want, got := run(t, begin(t, Logistic{}, set, open), set.tables...), run(t, begin(t, Logistic{}, set, veiled), set.tables...)
		for i, r := range want.Tidy {
			if g, w := got.Tidy[i].Get("estimate_standardized").(float64), r.Get("estimate_standardized").(float64); math.Abs(g-w) > 1e-6 {
				t.Errorf("ridge %v: %v is %v, want %v", lambda, r.Get("term"), g, w)
			}
		}
		if g, w := got.Glance.Get("deviance").(float64), want.Glance.Get("deviance").(float64); math.Abs(g-w) > 1e-8 {
			t.Errorf("ridge %v: deviance %v, want %v", lambda, g, w)
		}
	}
}

// dealt is a set's rows over so many hospitals.
func dealt(t *testing.T, set *reference, sites int, of func(row int) int) []*table.Table {
	t.Helper()
	order := make([]int, set.pooled(t).Rows())
	for i := range order {
		order[i] = i
	}
	return over(t, set, sites, order, of)
}

func TestEncryptedLogisticOnAwkwardHospitals(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	args := Args{Kind: "logistic", Formula: "low ~ lwt + race + smoke + ht + ui", Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}, Evaluate: &Evaluate{}}
	want := run(t, begin(t, Logistic{}, set, args), set.tables...)
	low, err := set.pooled(t).Column("low")
	if err != nil {
		t.Fatal(err)
	}
	race, err := set.pooled(t).Column("race")
	if err != nil {
		t.Fatal(err)
	}
	n := len(low)
	for _, c := range []struct {
		name  string
		sites int
		of    func(i int) int
		bar   [3]float64
	}{
		{"one", 1, func(int) int { return 0 }, [3]float64{0.05, 1e-4, 1e-6}},
		{"twelve patients each", (n + 11) / 12, func(i int) int { return i * 89 % n / 12 }, [3]float64{0.3, 0.005, 1e-5}},
		{"an empty hospital, one with one row", 4, func(i int) int { return min(i, 1+i%2) }, [3]float64{0.3, 0.005, 1e-5}},
		{"a hospital without events", 3, func(i int) int {
			if low[i] == 0 && i%3 == 0 {
				return 2
			}
			return i % 2
		}, [3]float64{0.3, 0.01, 1e-4}},
		{"levels at one hospital only", 3, func(i int) int { return int(race[i]) }, [3]float64{0.3, 0.005, 1e-5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for steps, bar := range c.bar {
				f, err := try(t, begin(t, Logistic{}, set, encrypted(args, steps)), dealt(t, set, c.sites, c.of)...)
				if err != nil {
					t.Fatalf("%d steps: %v", steps, err)
				}
				if e := inErrors(f, want); e > bar {
					t.Errorf("%d steps: %.2g standard errors from the maximum, want at most %g", steps, e, bar)
				}
			}
		})
	}
}

func TestEncryptedLogisticKeepsThePlaceOfAbsentColumns(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	race, err := set.schema.Factor("race")
	if err != nil {
		t.Fatal(err)
	}
	where, err := table.ParseCondition(fmt.Sprintf("race != %q", race.Levels[0]), set.schema)
	if err != nil {
		t.Fatal(err)
	}
	m := modelled{where: where}
	for _, formula := range []string{"low ~ lwt + race + smoke", "low ~ 0 + race + smoke", "low ~ lwt + offset(age / 20)"} {
		args := Args{Kind: "logistic", Formula: formula, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}, Evaluate: &Evaluate{}}
		want, _, err := drive(t, begin(t, Logistic{}, set, args), m.views(t, set.tables...)...)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := drive(t, begin(t, Logistic{}, set, encrypted(args, 2)), m.views(t, set.tables...)...)
		if err != nil {
			t.Fatalf("%s: %v", formula, err)
		}
		if e := inErrors(got, want); e > 1e-5 {
			t.Errorf("%s: %.2g standard errors off", formula, e)
		}
		if g, w := got.Glance.Get("deviance").(float64), want.Glance.Get("deviance").(float64); math.Abs(g-w) > 1e-6 {
			t.Errorf("%s: deviance %v, want %v", formula, g, w)
		}
		if strings.Contains(formula, "offset") != (got.Glance.Get("null_deviance") == nil) {
			t.Errorf("%s: null_deviance %v", formula, got.Glance.Get("null_deviance"))
		}
	}
}

func TestEncryptedLogisticOpensWhatItsPlanLists(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	args := Args{Kind: "logistic", Formula: "infection ~ treat + age + inherit + propylac", Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
	for steps := range 3 {
		p := begin(t, Logistic{}, set, encrypted(args, steps))
		_, record, err := drive(t, p, modelled{}.views(t, set.tables...)...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		plan := p().Plan()
		for _, o := range record {
			got = append(got, strings.Fields(plan[o.ask.Opening].What)[0])
		}
		want := append([]string{"how", "sums", "sums", "of", "the"}, []string{"score,", "score,"}[:steps]...)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d steps open %v, want %v", steps, got, want)
		}
		for i, o := range plan {
			if o.Shown != (i < 4) {
				t.Errorf("%q is shown to hospitals under release: analyst: %v", o.What, o.Shown)
			}
		}
		if !plan[3].Released { // glance says how long the last correction was
			t.Errorf("%q is written to the result, and declared as not written", plan[3].What)
		}
		if b, ok := p().(Blind); !ok || b.Blind() != (steps == 0) {
			t.Errorf("with %d steps hospitals need a model", steps)
		}
	}
	f := run(t, begin(t, Logistic{}, set, encrypted(args, 0)), set.tables...)
	for _, r := range f.Tidy {
		if r.Get("estimate") == nil || r.Get("std_error") != nil || r.Get("p_value") != nil {
			t.Errorf("without a final step: %v", r)
		}
	}
	if f.VCov != nil || f.Glance.Get("deviance") != nil || f.Glance.Get("aic") != nil || f.Glance.Get("null_deviance") == nil || !strings.Contains(strings.Join(f.Warnings, "\n"), "final_steps is 0") {
		t.Errorf("without a final step: %v, %v, %v", f.VCov, f.Glance, f.Warnings)
	}
}

func TestEncryptedLogisticKeys(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	base := encrypted(Args{Kind: "logistic", Formula: "infection ~ treat + age", Rules: Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 1}}, 1)
	for _, c := range []struct {
		name string
		with func(a *Args)
		rule string // "": an error of the study file
		err  string
	}{
		{"drop1", func(a *Args) { a.Drop1 = true }, "", "drop1"},
		{"degree", func(a *Args) { a.Degree = 4 }, "", "degree is 4, want 2 or 3"},
		{"condition", func(a *Args) { a.Condition = 1e9 }, "", "condition is 1e+09"},
		{"final_steps", func(a *Args) { three := 3; a.FinalSteps = &three }, "", "final_steps is 3, want 0 to 2"},
		{"columns", func(a *Args) { a.Formula = "infection ~ site * treat * sex * inherit * age" }, "", "encrypted models at most 72"},
		{"cubic columns", func(a *Args) { a.Formula = "infection ~ site * treat + site * sex"; a.Degree = 3 }, "", "degree 3 is for at most 34 columns"},
		{"analyst", func(a *Args) { a.Sealed = true }, "release", "final_steps: 0"},
		{"analyst, no key", func(a *Args) { a.Sealed, a.FinalSteps = true, nil }, "release", "final_steps: 0"},
		{"saturated", func(a *Args) { a.Formula = "infection ~ treat * sex" }, "saturated", "crosstab"},
	} {
		a := base
		c.with(&a)
		_, err := Logistic{}.Begin(a, set.schema)
		var r *Refusal
		if refused := errors.As(err, &r); err == nil || !strings.Contains(err.Error(), c.err) || refused != (c.rule != "") || refused && r.Rule != c.rule {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	for _, sealed := range []bool{false, true} {
		a := encrypted(base, 0)
		a.Sealed = sealed
		if _, err := (Logistic{}).Begin(a, set.schema); err != nil {
			t.Errorf("release: analyst %v, final_steps: 0: %v", sealed, err)
		}
	}
}

func TestDevianceOfAnEncryptedModelIsThatOfItsEstimate(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	args := Args{Kind: "logistic", Formula: "infection ~ treat + age + inherit + propylac", Evaluate: &Evaluate{}, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
	want := run(t, begin(t, Logistic{}, set, args), set.tables...).Glance.Get("deviance").(float64)
	veiled := encrypted(args, 1)
	veiled.Degree = 2 // its sums are taken at a model of a deviance 0.009 higher
	if got := run(t, begin(t, Logistic{}, set, veiled), set.tables...).Glance.Get("deviance").(float64); math.Abs(got-want) > 5e-4 {
		t.Errorf("deviance %v, want %v", got, want)
	}
}

// A number that is 0 for nearly all, and large in a few people who all have the event, separates them: every step
// moves their predictor by 1, though the coefficient of the standardised column by a seventh.
func TestEncryptedLogisticSeesAFewPeopleSeparate(t *testing.T) {
	s := &table.Schema{Fields: []table.Field{{Name: "marker", Min: 0, Max: 50}, {Name: "x", Min: -4, Max: 4}, {Name: "y", Kind: table.Binary, Max: 1}}, Sites: []string{"a"}}
	r := rand.New(rand.NewPCG(9, 4))
	cols := make([][]float64, 3)
	for i := range 300 {
		x, marker, y := math.Max(-4, math.Min(4, r.NormFloat64())), 0.0, 0.0
		if r.Float64() < 1/(1+math.Exp(0.5-0.5*x)) {
			y = 1
		}
		if i%50 == 0 {
			marker, y = 20+2*r.Float64(), 1
		}
		for c, v := range []float64{marker, x, y} {
			cols[c] = append(cols[c], v)
		}
	}
	tab, err := table.New(s, "a", cols)
	if err != nil {
		t.Fatal(err)
	}
	for steps := 1; steps <= mostSteps; steps++ {
		args := encrypted(Args{Kind: "logistic", Formula: "y ~ marker + x", Rules: Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 1}}, steps)
		f, err := try(t, begin(t, Logistic{}, &reference{schema: s}, args), tab)
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Rule != "separation" {
			t.Errorf("%d steps: %v, %v, want a refusal by rule separation", steps, f.Tidy, err)
		}
	}
}

func TestUnconvergedRidgeModelIsToldALargerOne(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	one := 1.0
	args := Args{Kind: "logistic", Formula: "infection ~ treat + age", Ridge: &one, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
	v := begin(t, Logistic{}, set, encrypted(args, 2))().(*veiledProgram)
	var r *Refusal
	if err := v.program.parts[0].(*logisticPart).unconverged("it"); !errors.As(err, &r) || !strings.Contains(r.Remedy, "a larger ridge") {
		t.Errorf("got %v", r)
	}
}
