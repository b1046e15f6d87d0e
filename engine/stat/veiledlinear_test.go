package stat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

var withheld = []string{"vcov", "std_error"}

// noisy compares an encrypted linear fit with the open one, in SDs of the noise and in digits.
func noisy(t *testing.T, what string, got, want Frame, tol float64) {
	t.Helper()
	if len(got.Tidy) != len(want.Tidy) || got.VCov != nil {
		t.Fatalf("%s: %d rows, want %d, and no vcov", what, len(got.Tidy), len(want.Tidy))
	}
	for i, r := range want.Tidy {
		g := got.Tidy[i]
		e, noise := g.Get("estimate"), g.Get("noise")
		if r.Get("estimate") == nil {
			if e != nil {
				t.Errorf("%s: %v is %v, want none", what, r.Get("term"), e)
			}
			continue
		}
		if d := math.Abs(e.(float64)-r.Get("estimate").(float64)) / noise.(float64); !(d < 5) || g.Get("std_error") != nil || g.Get("p_value") != nil {
			t.Errorf("%s: %v is %v, want %v: %.2g SDs of the noise off", what, r.Get("term"), e, r.Get("estimate"), d)
		}
	}
	for _, k := range []string{"r_squared", "sigma", "statistic", "aic", "deviance", "df_residual", "nobs"} {
		g, w, both := pair(got.Glance.Get(k), want.Glance.Get(k))
		if n, ok := want.Glance.Get(k).(int64); ok {
			w, both = float64(n), true
		}
		if both && math.Abs(g-w) > tol*math.Max(math.Abs(w), 1) {
			t.Errorf("%s: %s is %v, want %v", what, k, g, w)
		}
	}
}

func TestEncryptedLinearComesToTheOpenOne(t *testing.T) {
	lambda := 10.0
	for _, c := range []struct {
		set, formula string
		ridge        *float64
		tol          float64
	}{
		{"cgd", "weight ~ age + sex + height", nil, 1e-3},
		{"birthwt", "bwt ~ age + lwt + race + smoke + ptl + ht + ui", nil, 1e-3},
		// Without an intercept the noise is in units of the outcome's distance from 0, of which the residuals are a thirtieth.
		{"birthwt", "log(bwt) ~ 0 + race + log(lwt)", nil, 0.05},
		{"birthwt", "bwt ~ lwt + offset(10 * age)", nil, 1e-3},
		{"birthwt", "bwt ~ age + lwt + race", &lambda, 1e-3},
		{"birthwt_hard", "bwt ~ lwt + const_all + smoke", nil, 1e-3},
	} {
		set := readReference(t, "../../testdata/"+c.set)
		args := Args{Kind: "linear", Formula: c.formula, Ridge: c.ridge, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
		want := run(t, begin(t, Linear{}, set, args), set.tables...)
		args.Veil, args.Withhold = true, withheld
		noisy(t, c.formula, run(t, begin(t, Linear{}, set, args), set.tables...), want, c.tol)
		n := set.pooled(t).Rows()
		for sites, of := range map[int]func(int) int{1: func(int) int { return 0 }, (n + 11) / 12: func(i int) int { return i * 89 % n / 12 }, 4: func(i int) int { return min(i, 2) }} {
			noisy(t, fmt.Sprint(c.formula, " at ", sites), run(t, begin(t, Linear{}, set, args), dealt(t, set, sites, of)...), want, c.tol)
		}
	}
}

func TestEncryptedLinearRefuses(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	base := Args{Kind: "linear", Formula: "bwt ~ lwt + smoke", Veil: true, Withhold: withheld, Rules: Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 1}}
	for _, c := range []struct {
		name string
		with func(*Args)
		rule string
		err  string
	}{
		{"half", func(a *Args) { a.Withhold = []string{"vcov"} }, "", "withhold takes vcov and std_error, together"},
		{"drop1", func(a *Args) { a.Drop1 = true }, "", "drop1"},
		{"condition alone", func(a *Args) { a.Withhold, a.Condition = nil, 100 }, "", "needs withhold"},
		{"condition", func(a *Args) { a.Condition = 1 }, "", "condition is 1, want 2"},
		{"no terms", func(a *Args) { a.Formula = "bwt ~ 1" }, "", "has no term"},
		{"saturated", func(a *Args) { a.Formula = "low ~ race" }, "saturated", "cross table"},
		{"collinear", func(a *Args) { a.Formula = "bwt ~ lwt + smoke + smoke_dup" }, "singular", "set condition higher"},
	} {
		a := base
		c.with(&a)
		p, err := Linear{}.Begin(a, set.schema)
		if err == nil {
			_, err = try(t, func() Program {
				q := p
				if p, err = (Linear{}).Begin(a, set.schema); err != nil {
					t.Fatal(err)
				}
				return q
			}, set.tables...)
		}
		var r *Refusal
		if refused := errors.As(err, &r); err == nil || !strings.Contains(err.Error(), c.err) || refused != (c.rule != "") || refused && r.Rule != c.rule {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestLinearSaysWhatItOpens(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	args := Args{Kind: "linear", Formula: "weight ~ age + sex + height", Veil: true, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
	f := run(t, begin(t, Linear{}, set, args), set.tables...)
	plan := begin(t, Linear{}, set, args)().Plan()
	if !strings.Contains(strings.Join(f.Warnings, "\n"), "withhold: [vcov, std_error] keeps them encrypted") || !strings.Contains(plan[2].What, "withhold: [vcov, std_error]") {
		t.Errorf("nothing says that the products are open: %v, %v", f.Warnings, plan)
	}
	args.Withhold = withheld
	for _, sealed := range []bool{false, true} {
		args.Sealed = sealed
		p := begin(t, Linear{}, set, args)
		var opened []bool
		for _, o := range p().Plan() {
			opened = append(opened, o.Shown)
		}
		want := []bool{true, true, true, true, false, false}
		if sealed {
			want = want[:5]
		}
		if b := p().(Blind).Blind(); b != sealed || !slices.Equal(opened, want) {
			t.Errorf("release: analyst %v: blind %v, shown %v, want %v", sealed, b, opened, want)
		}
		f := run(t, p, set.tables...)
		if (f.Glance.Get("sigma") == nil) != sealed {
			t.Errorf("release: analyst %v: sigma %v", sealed, f.Glance.Get("sigma"))
		}
	}
}

func TestEncryptedLinearOfAPerfectFitGivesNoFiguresOfItsNoise(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt")
	args := Args{Kind: "linear", Formula: "bwt ~ lwt + I(2 * bwt)", Veil: true, Withhold: withheld, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
	f := run(t, begin(t, Linear{}, set, args), set.tables...)
	for _, k := range []string{"statistic", "log_lik", "aic", "sigma", "deviance"} {
		if x, ok := f.Glance.Get(k).(float64); ok && !math.IsNaN(x) {
			t.Errorf("%s is %v", k, x)
		}
	}
	if !slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, "essentially perfect") }) {
		t.Errorf("warnings %v", f.Warnings)
	}
}
