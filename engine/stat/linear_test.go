package stat

import (
	"strings"
	"testing"
)

func TestLinearAgreesWithR(t *testing.T) {
	total := 0
	for _, m := range modelledBy(t, "linear") {
		t.Run(m.name, func(t *testing.T) {
			f, _, err := drive(t, begin(t, Linear{}, m.set, m.args), m.views(t, m.set.tables...)...)
			if err != nil {
				t.Fatal(err)
			}
			c := &checker{t: t, name: m.name, tol: 1e-9}
			if m.tagged("scale") {
				c.tol = 1e-8 // R has lost digits itself where numbers are near 1e9
			}
			if f.N != m.want.N || f.Excluded != m.want.Missing {
				t.Errorf("%d rows, %d dropped, R has %d, %d", f.N, f.Excluded, m.want.N, m.want.Missing)
			}
			if m.fit != nil {
				c.ridge(f, m.fit)
				total += c.n
				return
			}
			c.coefficients(f, m.want, "t")
			if !m.tagged("exact") {
				c.vcov(f, m.want)
				linearGlance(c, f, m.want)
			}
			total += c.n
		})
	}
	t.Logf("%d numbers compared", total)
}

func linearGlance(c *checker, f Frame, want answer) {
	c.t.Helper()
	w := want.Result
	for ours, theirs := range map[string]string{"r_squared": "r_squared", "adj_r_squared": "adj_r_squared", "sigma": "sigma",
		"log_lik": "loglik", "aic": "aic", "bic": "bic", "deviance": "rss", "df_residual": "df_residual"} {
		c.near(ours, f.Glance.Get(ours), w[theirs], 0)
	}
	if test, ok := w["f"].(map[string]any); ok {
		c.near("statistic", f.Glance.Get("statistic"), test["statistic"], 1)
		c.near("df", f.Glance.Get("df"), test["df1"], 0)
		c.near("p_value", f.Glance.Get("p_value"), test["p"], 1)
	} else {
		c.near("statistic", f.Glance.Get("statistic"), nil, 1)
	}
	drops, _ := w["drop1"].(map[string]any)
	found := 0
	for _, r := range f.Drop1 {
		d, ok := drops[r.Get("term").(string)].(map[string]any)
		if !ok {
			continue
		}
		found++
		at := "drop1 " + r.Get("term").(string) + " "
		c.near(at+"df", r.Get("df"), d["df"], 0)
		c.near(at+"sumsq", r.Get("sumsq"), d["ss"], f.Glance.Get("deviance").(float64))
		c.near(at+"statistic", r.Get("statistic"), d["f"], 1)
		c.near(at+"p_value", r.Get("p_value"), d["p"], 1)
	}
	if found != len(drops) {
		c.t.Errorf("%s: drop1 has %d of R's %d terms", c.name, found, len(drops))
	}
}

func TestWamplerIsExact(t *testing.T) {
	for _, m := range modelledBy(t, "linear") {
		if m.name != "numerics/wampler1" {
			continue
		}
		f, opened, err := drive(t, begin(t, Linear{}, m.set, m.args), m.views(t, m.set.tables...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Tidy {
			if r.Get("estimate") != 1.0 || r.Get("std_error") != 0.0 {
				t.Errorf("%v is %v, standard error %v, want 1 and 0", r.Get("term"), r.Get("estimate"), r.Get("std_error"))
			}
		}
		if f.Glance.Get("deviance") != 0.0 || f.Glance.Get("r_squared") != 1.0 || f.Glance.Get("log_lik") != nil {
			t.Errorf("got %v, want deviance 0, r_squared 1 and no log-likelihood", f.Glance)
		}
		if !strings.Contains(strings.Join(f.Warnings, "\n"), "essentially perfect") {
			t.Errorf("no warning of a perfect fit: %v", f.Warnings)
		}
		if len(opened) != 3 {
			t.Errorf("%d sums for whole numbers, want census, sums and products", len(opened))
		}
		return
	}
	t.Fatal("no set of Wampler's")
}
