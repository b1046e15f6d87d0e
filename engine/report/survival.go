package report

import (
	"math"

	"github.com/consilium-health/consilium/engine/stat"
)

// mostTimes is how many times of a curve the readable report prints.
const mostTimes = 40

// km prints the groups as R's print of a survfit does, then the curve as its summary does.
func (p *printer) km(args stat.Args, f *stat.Frame) {
	groups := f.Glances
	if groups == nil && f.Glance != nil {
		groups = []stat.Record{f.Glance}
	}
	grouped := has(groups, "group")
	head := func(names ...string) *grid {
		g := &grid{}
		if grouped {
			g.left, names = 1, append([]string{args.By}, names...)
		}
		g.add(names...)
		return g
	}
	row := func(g *grid, r stat.Record, cells ...string) {
		if grouped {
			cells = append([]string{text(r, "group")}, cells...)
		}
		g.add(cells...)
	}
	g := head("n", "events", "median", "95% CI", "rmean", "se(rmean)")
	for _, r := range groups {
		row(g, r, show(r, "n"), show(r, "events"), show(r, "median"), interval(r, "median_low", "median_high", 4), show(r, "rmean"), show(r, "rmean_se"))
	}
	g.write(&p.Builder, "")
	for _, r := range groups {
		if tau := number(r, "tau"); !math.IsNaN(tau) {
			p.line("(restricted mean with upper limit = %s)", plain(tau))
			break
		}
	}
	if len(f.Tidy) == 0 {
		return
	}
	p.line("")
	shown := f.Tidy[:min(len(f.Tidy), mostTimes)]
	survival, errors := column(values(shown, "estimate"), 3), column(values(shown, "std_error"), 3)
	g = head("time", "n.risk", "n.event", "n.censor", "survival", "std.err", "95% CI (log-log)")
	for i, r := range shown {
		time := gone(r)
		if t := number(r, "time"); !math.IsNaN(t) {
			time = plain(t)
		}
		row(g, r, time, show(r, "n_risk"), show(r, "n_event"), show(r, "n_censor"), orGone(survival[i], r), orGone(errors[i], r), interval(r, "conf_low", "conf_high", 3))
	}
	g.write(&p.Builder, "")
	if rest := len(f.Tidy) - len(shown); rest > 0 {
		p.line("and %s more: see %s.csv", plural(int64(rest), "time"), args.ID)
	}
}

// logrank prints the groups and the test as R's print of a survdiff does.
func (p *printer) logrank(args stat.Args, f *stat.Frame) {
	g := &grid{left: 1}
	g.add(args.By, "N", "Observed", "Expected", "(O-E)^2/E")
	expected := column(values(f.Tidy, "expected"), 3)
	for i, r := range f.Tidy {
		o, e := number(r, "observed"), number(r, "expected")
		g.add(text(r, "group"), show(r, "n"), show(r, "observed"), orGone(expected[i], r), orGone(alone((o-e)*(o-e)/e, 3), r))
	}
	g.write(&p.Builder, "")
	p.line("")
	p.test(f.Glance, "Log-rank test", "statistic", "df", "p_value")
}

// cox prints a model as R's print of a coxph and its summary do.
func (p *printer) cox(args stat.Args, f *stat.Frame) {
	p.line("Coefficients:")
	p.coefficients("logistic", f.Tidy) // z values, as there
	p.errors(f.Glance)
	p.ratios(f.Tidy, "Hazard ratio", "hazard", "Wald")
	p.line("")
	if c := number(f.Glance, "concordance"); !math.IsNaN(c) {
		within := ""
		if b := number(f.Glance, "concordance_bound"); b > 0 {
			within = " (from classes; true value within " + alone(b, 2) + ")"
		}
		if se := number(f.Glance, "concordance_std_error"); !math.IsNaN(se) {
			within += ", standard error " + alone(se, 3)
		}
		p.line("Concordance: %s%s", alone(c, 4), within)
	}
	p.test(f.Glance, "Likelihood ratio test", "lrt", "df", "lrt_p")
	p.test(f.Glance, "Wald test", "wald", "df", "wald_p")
	p.test(f.Glance, "Score (log-rank) test", "score", "df", "score_p")
	ties := args.Ties
	if ties == "" {
		ties = "efron"
	}
	p.line("n = %s, events: %s; log likelihood %s, AIC %s; ties: %s; Newton steps: %s", show(f.Glance, "n"), show(f.Glance, "n_event"), alone(number(f.Glance, "log_lik"), 6), alone(number(f.Glance, "aic"), 6), ties, show(f.Glance, "iterations"))
	rest := *f
	rest.Tables = nil
	for _, t := range f.Tables {
		if t.Name == "zph" {
			p.line("\nProportional hazards (Schoenfeld residuals against time, transform %s):", show(f.Glance, "zph_transform"))
			p.zph(t.Rows)
		} else {
			rest.Tables = append(rest.Tables, t)
		}
	}
	p.tables(&rest)
}

// zph prints the test of each term and of all, as R's cox.zph.
func (p *printer) zph(rows []stat.Record) {
	g := grid{left: 1}
	g.add("", "chisq", "df", "p")
	ps := pvalues(values(rows, "p_value"), 3)
	for i, r := range rows {
		g.add(text(r, "term"), show(r, "statistic"), show(r, "df"), orGone(ps[i], r))
	}
	g.write(&p.Builder, "")
}
