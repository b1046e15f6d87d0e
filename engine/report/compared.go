package report

import (
	"math"

	"github.com/consilium-health/consilium/engine/stat"
)

// likelihoodRatio prints two nested models, then the tests between them.
func (p *printer) likelihoodRatio(f *stat.Frame) {
	likelihood := column(values(f.Tidy, "log_lik"), 6)
	g := grid{left: 1}
	g.add("model", "parameters", "log likelihood", "formula")
	for i, r := range f.Tidy {
		g.add(text(r, "model"), show(r, "parameters"), likelihood[i], text(r, "formula"))
	}
	g.leftToo = 3
	g.write(&p.Builder, "")
	p.line("")
	p.test(f.Glance, "Likelihood ratio test", "statistic", "df", "p_value")
	if x := number(f.Glance, "f_statistic"); !math.IsNaN(x) {
		p.line("F-test: %s on %s and %s DF, %s", alone(x, 4), show(f.Glance, "f_df1"), alone(number(f.Glance, "f_df2"), 7), pEquals(number(f.Glance, "f_p")))
	}
}

// heterogeneity prints the estimates that are shown and the pooled ones, then how far hospitals differ.
func (p *printer) heterogeneity(f *stat.Frame) {
	estimates, errors := column(values(f.Tidy, "estimate"), 4), column(values(f.Tidy, "std_error"), 4)
	tails := pvalues(values(f.Tidy, "p_value"), 3)
	weighed, ratio := has(f.Tidy, "weight"), has(f.Tidy, "ratio")
	g := grid{left: 1}
	head := []string{"", "Estimate", "Std. Error", "95% CI", "p"}
	if ratio {
		head = append(head, "Ratio", "95% CI")
	}
	if weighed {
		head = append(head, "weight, %")
	}
	g.add(head...)
	for i, r := range f.Tidy {
		cells := []string{text(r, "term"), orGone(estimates[i], r), orGone(errors[i], r), interval(r, "conf_low", "conf_high", 3), orGone(tails[i], r)}
		if ratio {
			e, low, high := ratios(number(r, "ratio"), number(r, "ratio_low"), number(r, "ratio_high"))
			limits := low + " to " + high
			if low == absent {
				limits = gone(r)
			}
			cells = append(cells, orGone(e, r), limits)
		}
		if weighed {
			weight := ""
			if x := number(r, "weight"); !math.IsNaN(x) {
				weight = decimals(100*x, 1)
			}
			cells = append(cells, weight)
		}
		g.add(cells...)
	}
	g.write(&p.Builder, "")
	p.line("")
	p.test(f.Glance, "Cochran's Q", "q", "q_df", "q_p")
	p.line("I squared: %s %%; tau squared: %s (DerSimonian and Laird)", decimals(number(f.Glance, "i_squared"), 1), show(f.Glance, "tau_squared"))
	p.line("Hospitals with a fit of their own: %s", show(f.Glance, "hospitals"))
}

// mantelHaenszel prints the strata that are shown, then what is said of them together.
func (p *printer) mantelHaenszel(args stat.Args, f *stat.Frame) {
	if has(f.Tidy, "stratum") {
		p.strata(args, f.Tidy)
	}
	v := f.Glance
	if x := number(v, "cmh_odds_ratio"); !math.IsNaN(x) {
		p.line("Common odds ratio: %s, 95%% CI %s", alone(x, 4), interval(v, "cmh_low", "cmh_high", 4))
	}
	if x := number(v, "cmh_statistic"); !math.IsNaN(x) {
		p.line("Cochran-Mantel-Haenszel test: %s, %s (continuity-corrected)", alone(x, 5), pEquals(number(v, "cmh_p")))
		p.line("  without continuity correction: %s, %s", alone(number(v, "cmh_statistic_uncorrected"), 5), pEquals(number(v, "cmh_p_uncorrected")))
	}
	p.test(v, "Breslow-Day test of equal odds ratios", "breslow_day", "breslow_day_df", "breslow_day_p")
	p.test(v, "  with Tarone's correction", "tarone", "breslow_day_df", "tarone_p")
	p.line("Strata: %s", show(v, "strata"))
}

// strata prints the table of every stratum in a row.
func (p *printer) strata(args stat.Args, rows []stat.Record) {
	row, column := p.levels(args.Rows), p.levels(args.Columns)
	p.line("Cells: %s / %s", args.Rows, args.Columns)
	g := grid{left: 1}
	g.add("", "n", row[0]+" / "+column[0], row[0]+" / "+column[1], row[1]+" / "+column[0], row[1]+" / "+column[1], "Odds ratio", "95% CI")
	for _, r := range rows {
		g.add(text(r, "stratum"), show(r, "n"), show(r, "n11"), show(r, "n12"), show(r, "n21"), show(r, "n22"), show(r, "odds_ratio"), interval(r, "odds_low", "odds_high", 4))
	}
	g.write(&p.Builder, "")
	p.line("")
}

// levels are the names of the two levels of a variable.
func (p *printer) levels(variable string) [2]string {
	if f, err := p.Spec.Schema.Factor(variable); err == nil && len(f.Levels) == 2 {
		return [2]string{f.Levels[0], f.Levels[1]}
	}
	return [2]string{"first", "second"}
}

// propensity prints the balance of covariates, the weights, and the effect where there is an outcome.
func (p *printer) propensity(args stat.Args, f *stat.Frame) {
	g := grid{left: 1}
	g.add("", "treated", "control", "SMD", "weighted: treated", "control", "SMD")
	for _, r := range f.Tidy {
		g.add(text(r, "term"), show(r, "mean_treated"), show(r, "mean_control"), orGone(decimals(number(r, "smd"), 3), r),
			show(r, "weighted_treated"), show(r, "weighted_control"), orGone(decimals(number(r, "weighted_smd"), 3), r))
	}
	g.write(&p.Builder, "")
	v := f.Glance
	if x := number(v, "largest_smd"); !math.IsNaN(x) {
		p.line("Largest SMD: %s before, %s after weighting", decimals(x, 3), decimals(number(v, "largest_weighted_smd"), 3))
	}
	p.line("")
	g = grid{left: 1}
	g.add("", "n", "effective n", "mean weight")
	for _, group := range []string{"treated", "control"} {
		g.add(group, show(v, "n_"+group), decimals(number(v, "effective_"+group), 1), show(v, "mean_weight_"+group))
	}
	g.write(&p.Builder, "")
	if args.Truncate != nil {
		cut := hidden // of few people, or of all but few
		if v.Get("truncated") != nil {
			cut = show(v, "truncated")
		}
		p.line("Probabilities of treatment that were truncated to %s and %s: %s", plain(args.Truncate[0]), plain(args.Truncate[1]), cut)
	}
	if args.Outcome == "" {
		return
	}
	p.line("")
	effect := "Average treatment effect"
	if text(v, "estimand") == "att" {
		effect = "Average treatment effect on the treated"
	}
	p.line("Weighted mean of %s: treated %s, control %s", args.Outcome, show(v, "outcome_treated"), show(v, "outcome_control"))
	if x := number(v, "estimate"); !math.IsNaN(x) {
		p.line("%s: %s (robust standard error %s), 95%% CI %s", effect, alone(x, 4), show(v, "std_error"), interval(v, "conf_low", "conf_high", 4))
		p.line("  z = %s, %s", show(v, "statistic"), pEquals(number(v, "p_value")))
	}
}
