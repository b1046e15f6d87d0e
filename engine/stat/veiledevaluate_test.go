package stat

import (
	"errors"
	"math"
	"testing"
)

func TestVeiledEvaluationIsTheOpenOne(t *testing.T) {
	for _, c := range []struct{ set, formula string }{
		{"cgd", "infection ~ treat + age + inherit + propylac"}, {"birthwt", "low ~ lwt + race + smoke + ht + ui"}, {"birthwt", "low ~ 1"},
	} {
		set := readReference(t, "../../testdata/"+c.set)
		args := Args{Kind: "logistic", Formula: c.formula, Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}
		veiled := encrypted(args, 2)
		args.Evaluate, veiled.Evaluate = &Evaluate{Cells: 700}, &Evaluate{Cells: 700}
		want, got := run(t, begin(t, Logistic{}, set, args), set.tables...), run(t, begin(t, Logistic{}, set, veiled), set.tables...)
		for key, tol := range map[string]float64{"auc": 1e-12, "auc_bound": 1e-12, "auc_std_error": 1e-9, "auc_low": 1e-9, "auc_high": 1e-9, "brier": 1e-6, "log_loss": 1e-6} {
			w, g := want.Glance.Get(key), got.Glance.Get(key)
			x, y, both := pair(g, w)
			if !both && (w != nil || g != nil) || both && math.Abs(x-y) > tol*max(1e-9, math.Abs(y)) {
				t.Errorf("%s: %s is %v, want %v", c.formula, key, g, w)
			}
		}
		if got.Glance.Get("evaluate_cells") != int64(700) {
			t.Errorf("%s: %v", c.formula, got.Glance)
		}
		for _, key := range []string{"auc", "brier", "log_loss"} {
			if got.Glance.Get(key) == nil {
				t.Errorf("%s: no %s", c.formula, key)
			}
		}
	}
}

func TestVeiledEvaluationNeedsTheModel(t *testing.T) {
	set := readReference(t, "../../testdata/cgd")
	args := encrypted(Args{Kind: "logistic", Formula: "infection ~ treat + age", Rules: Rules{MinCell: 5, MinSites: 1, MaxParametersPerRow: 1}}, 0)
	circuits := func(sealed bool, e *Evaluate) (int, error) {
		a := args
		a.Sealed, a.Evaluate = sealed, e
		p, err := Logistic{}.Begin(a, set.schema)
		if err != nil {
			return 0, err
		}
		if c := p.(Veiled).Circuits(); len(c) == 2 {
			return c[1].Products.Cells, nil
		}
		return 0, nil
	}
	for _, c := range []struct {
		sealed bool
		e      *Evaluate
		want   int
	}{{false, nil, DefaultVeiledCells}, {false, &Evaluate{}, 0}, {false, &Evaluate{Cells: 65536}, 65536}, {true, nil, 0}, {true, &Evaluate{}, 0}} {
		if got, err := circuits(c.sealed, c.e); got != c.want || err != nil {
			t.Errorf("sealed %v, %v: %d cells (%v), want %d", c.sealed, c.e, got, err, c.want)
		}
	}
	var r *Refusal
	if _, err := circuits(true, &Evaluate{Cells: 10}); !errors.As(err, &r) || r.Rule != "release" {
		t.Errorf("sealed: %v, want a refusal by release", err)
	}
	// A start model is known to hospitals: it is evaluated, but for what its deviance would tell.
	args.Evaluate = nil
	f := run(t, begin(t, Logistic{}, set, args), set.tables...)
	if f.Glance.Get("auc") == nil || f.Glance.Get("brier") == nil || f.Glance.Get("log_loss") != nil {
		t.Errorf("without a final step: %v", f.Glance)
	}
}
