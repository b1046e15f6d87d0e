package stat

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/consilium-health/consilium/engine/table"
)

// modelled is an analysis of an oracle.yaml of kind linear or logistic with R's answer.
type modelled struct {
	name  string // set/id
	args  Args
	set   *reference
	where *table.Condition
	want  answer
	fit   map[string]any // ridge: the fit at this penalty
}

// modelledBy returns the analyses of a kind in all reference sets.
func modelledBy(t *testing.T, kind string) (all []modelled) {
	t.Helper()
	for _, r := range references(t) {
		raw, err := os.ReadFile(filepath.Join(r.dir, "oracle.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var study struct {
			Analyses []struct {
				ID, Kind, Formula, Where string
				Ridge                    *float64
				Drop1                    bool
				Evaluate                 *Evaluate
			}
		}
		if err := yaml.Unmarshal(raw, &study); err != nil {
			t.Fatal(err)
		}
		for _, a := range study.Analyses {
			if a.Kind != kind {
				continue
			}
			m := modelled{name: r.name + "/" + a.ID, set: r,
				args: Args{ID: a.ID, Kind: kind, Formula: a.Formula, Ridge: a.Ridge, Drop1: a.Drop1, Evaluate: a.Evaluate,
					Rules: Rules{MinCell: 1, MinSites: 1, MaxParametersPerRow: 1}}}
			if a.Where != "" {
				if m.where, err = table.ParseCondition(a.Where, r.schema); err != nil {
					t.Fatal(err)
				}
			}
			id := a.ID
			if a.Ridge != nil {
				id = id[:strings.LastIndex(id, "_")]
			}
			at := slices.IndexFunc(r.answers, func(w answer) bool { return w.ID == id })
			if at < 0 {
				t.Fatalf("%s: no answer", m.name)
			}
			m.want = r.answers[at]
			if a.Ridge != nil {
				for _, f := range m.want.Result["fits"].([]any) {
					if f := f.(map[string]any); f["lambda"] == *a.Ridge {
						m.fit = f
					}
				}
				if m.fit == nil {
					t.Fatalf("%s: no fit", m.name)
				}
			}
			all = append(all, m)
		}
	}
	return all
}

func (m modelled) tagged(tag string) bool {
	return slices.ContainsFunc(m.want.Tags, func(s string) bool { return strings.HasPrefix(s, tag) })
}

// views are the rows of every site that `where` keeps.
func (m modelled) views(t *testing.T, tables ...*table.Table) (out []*table.View) {
	t.Helper()
	for _, tab := range tables {
		v, err := tab.Select(m.where)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// checker compares numbers with R's within tol·max(|want|, scale).
type checker struct {
	t    *testing.T
	name string
	tol  float64
	n    int
}

func (c *checker) near(what string, got, want any, scale float64) {
	c.t.Helper()
	c.n++
	if got == nil && want == nil {
		return
	}
	g, w, both := pair(got, want)
	if !both || !(math.Abs(g-w) <= c.tol*max(math.Abs(w), scale)) {
		c.t.Errorf("%s: %s is %v, R has %v", c.name, what, got, want)
	}
}

// coefficients compares the tidy rows with an oracle's coefficients; statistic
// is R's letter. In a separated fit only finite terms are compared.
func (c *checker) coefficients(f Frame, want answer, statistic string) {
	c.t.Helper()
	rows, _ := want.Result["coefficients"].([]any)
	if len(rows) != len(f.Tidy) {
		c.t.Errorf("%s: %d terms, R has %d", c.name, len(f.Tidy), len(rows))
		return
	}
	for i, r := range f.Tidy {
		w := rows[i].(map[string]any)
		if r.Get("term") != w["name"] || r.Get("aliased") != w["aliased"] {
			c.t.Errorf("%s: term %v aliased %v, R has %v aliased %v", c.name, r.Get("term"), r.Get("aliased"), w["name"], w["aliased"])
			continue
		}
		if r.Get("infinite") != nil {
			continue
		}
		se, _ := w["se"].(float64)
		at := fmt.Sprint(r.Get("term"), " ")
		c.near(at+"estimate", r.Get("estimate"), w["estimate"], se)
		if slices.Contains(want.Tags, "exact") {
			continue
		}
		c.near(at+"std_error", r.Get("std_error"), w["se"], 0)
		c.near(at+"statistic", r.Get("statistic"), w[statistic], 1)
		c.near(at+"p_value", r.Get("p_value"), w["p"], 1)
		ci := w["ci95"].([]any)
		c.near(at+"conf_low", r.Get("conf_low"), ci[0], se)
		c.near(at+"conf_high", r.Get("conf_high"), ci[1], se)
		if or, ok := w["odds_ratio"]; ok && w["aliased"] == false {
			for k, v := range map[string]any{"odds_ratio": or, "odds_low": w["odds_ratio_ci95"].([]any)[0], "odds_high": w["odds_ratio_ci95"].([]any)[1]} {
				if v == "Inf" {
					v = nil
				}
				if v, ok := v.(float64); ok && v > 0 { // as far as the coefficient: ratios of 1e18 have not its digits
					c.near(at+k, math.Log(r.Get(k).(float64)), math.Log(v), max(se, 1))
					continue
				}
				c.near(at+k, r.Get(k), v, se)
			}
		}
	}
}

func (c *checker) vcov(f Frame, want answer) {
	c.t.Helper()
	rows, _ := want.Result["vcov"].([]any)
	if rows == nil {
		return
	}
	if f.VCov == nil || len(f.VCov.Matrix) != len(rows) {
		c.t.Errorf("%s: vcov has other terms than R's", c.name)
		return
	}
	for i := range rows {
		for j, w := range rows[i].([]any) {
			v := f.VCov.Matrix
			c.near(fmt.Sprintf("vcov %d %d", i, j), v[i][j], w, math.Sqrt(v[i][i]*v[j][j]))
		}
	}
}

func (c *checker) ridge(f Frame, fit map[string]any) {
	c.t.Helper()
	for _, k := range []struct{ key, scale string }{{"estimate", "original_scale"}, {"estimate_standardized", "standardized"}} {
		want := fit[k.scale].(map[string]any)
		coefs := want["coefficients"].(map[string]any)
		for _, r := range f.Tidy {
			name := r.Get("term").(string)
			w := coefs[name]
			if name == "(Intercept)" {
				w = want["intercept"]
			}
			c.near(name+" "+k.key, r.Get(k.key), w, 0)
		}
	}
}
