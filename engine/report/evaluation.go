package report

import (
	"math"
	"slices"

	"github.com/consilium-health/consilium/engine/stat"
)

// rates prints a model of counts as R's summary of a glm does, with rate ratios.
func (p *printer) rates(f *stat.Frame) {
	p.line("Coefficients:")
	p.coefficients("logistic", f.Tidy) // z values, as there
	p.errors(f.Glance)
	p.ratios(f.Tidy, "Rate ratio", "rate", "Wald")
	p.line("")
	if x := number(f.Glance, "theta"); !math.IsNaN(x) {
		within := ""
		if se := number(f.Glance, "theta_std_error"); !math.IsNaN(se) {
			within = " (standard error " + alone(se, 3) + ")"
		}
		p.line("Theta: %s%s", alone(x, 4), within)
	}
	p.line("    Null deviance: %s%s", decimals(number(f.Glance, "null_deviance"), 2), onDegrees(f.Glance, "df_null"))
	p.line("Residual deviance: %s%s", decimals(number(f.Glance, "deviance"), 2), onDegrees(f.Glance, "df_residual"))
	p.test(f.Glance, "Likelihood ratio test", "lr_statistic", "lr_df", "lr_p")
	if x := number(f.Glance, "dispersion"); !math.IsNaN(x) {
		p.line("Pearson chi-squared: %s, dispersion %s", alone(number(f.Glance, "pearson_chi_squared"), 5), alone(x, 3))
	}
	p.criteria(f.Glance)
	p.line("Newton steps: %s", show(f.Glance, "iterations"))
	p.tables(f)
}

// calibration prints the classes of predicted risk, and what is said of them together.
func (p *printer) calibration(f *stat.Frame) {
	if f.Glance.Get("at") != nil {
		p.calibrationAt(f)
		return
	}
	predicted, observed := column(values(f.Tidy, "mean_predicted"), 3), column(values(f.Tidy, "observed"), 3)
	g := grid{}
	g.add("class", "n", "events", "mean predicted", "observed")
	for i, r := range f.Tidy {
		g.add(show(r, "bin"), show(r, "n"), show(r, "n_event"), predicted[i], observed[i])
	}
	g.write(&p.Builder, "")
	p.line("")
	p.test(f.Glance, "Hosmer-Lemeshow test", "hosmer_lemeshow", "hosmer_lemeshow_df", "hosmer_lemeshow_p")
	p.line("Calibration slope %s, intercept %s; Brier score %s", show(f.Glance, "slope"), show(f.Glance, "intercept"), show(f.Glance, "brier"))
	p.tables(f)
}

// calibrationAt prints the classes of risk that a Cox model predicts by a time.
func (p *printer) calibrationAt(f *stat.Frame) {
	predicted, observed := column(values(f.Tidy, "mean_predicted"), 3), column(values(f.Tidy, "observed"), 3)
	p.line("Risk of the event by %s:", show(f.Glance, "at"))
	g := grid{}
	g.add("class", "n", "events", "mean predicted", "observed", "95% CI (log-log)")
	for i, r := range f.Tidy {
		g.add(show(r, "bin"), show(r, "n"), show(r, "n_event"), predicted[i], observed[i], interval(r, "conf_low", "conf_high", 3))
	}
	g.write(&p.Builder, "")
	p.line("")
	p.line("Events by then: %s; still under observation: %s", show(f.Glance, "n_event"), show(f.Glance, "n_risk"))
	p.line("Observed risk %s (%s, Kaplan-Meier), predicted %s: observed over expected %s", show(f.Glance, "observed_risk"), interval(f.Glance, "observed_low", "observed_high", 4),
		show(f.Glance, "mean_predicted"), show(f.Glance, "observed_expected"))
	p.line("Calibration slope %s, intercept %s", show(f.Glance, "slope"), show(f.Glance, "intercept"))
	p.line("Time-dependent AUC %s%s, 95%% CI %s", show(f.Glance, "auc"), bound(f.Glance), interval(f.Glance, "auc_low", "auc_high", 4))
	p.line("Brier score %s, of the same risk for everyone %s: index of prediction accuracy %s", show(f.Glance, "brier"), show(f.Glance, "brier_null"), show(f.Glance, "ipa"))
	p.tables(f)
}

// decisionCurve prints the net benefit at each threshold.
func (p *printer) decisionCurve(f *stat.Frame) {
	g := grid{}
	g.add("threshold", "treated", "true positives", "false positives", "net benefit", "treat all", "avoided per 100")
	for _, r := range f.Tidy {
		g.add(show(r, "threshold"), show(r, "n_treated"), people(r, "true_positives"), people(r, "false_positives"),
			decimals(number(r, "net_benefit"), 4), decimals(number(r, "treat_all"), 4), decimals(100*number(r, "avoided"), 1))
	}
	g.write(&p.Builder, "")
	p.line("")
	by := ""
	if f.Glance.Get("at") != nil {
		by = " by " + show(f.Glance, "at")
	}
	p.line("Events%s: %s of %s. Treating no one has a net benefit of 0.", by, show(f.Glance, "n_event"), show(f.Glance, "n"))
}

// people shows a number of people; one that Kaplan-Meier estimates has a decimal.
func people(r stat.Record, key string) string {
	x, estimated := r.Get(key).(float64)
	if !estimated {
		return show(r, key)
	}
	tenths := math.Round(10 * x)
	return count(int64(tenths/10)) + "." + string('0'+rune(math.Mod(tenths, 10)))
}

// performance prints apparent and cross-validated figures side by side.
func (p *printer) performance(rows []stat.Record) {
	g := grid{left: 1}
	g.add("")
	for _, r := range rows {
		g.rows[0] = append(g.rows[0], text(r, "performance"))
	}
	for _, m := range []struct{ key, name string }{{"auc", "AUC"}, {"concordance", "concordance"}, {"brier", "Brier score"}, {"log_loss", "log loss"},
		{"log_lik_gain", "log likelihood above the null model's"}, {"slope", "calibration slope"}, {"intercept", "calibration intercept"}} {
		if !has(rows, m.key) {
			continue
		}
		cells, limits := []string{m.name}, []string{"  95% CI"}
		for _, r := range rows {
			shown, between := "", ""
			if x := number(r, m.key); !math.IsNaN(x) {
				shown = decimals(x, 4)
			}
			if low := number(r, m.key+"_low"); !math.IsNaN(low) {
				between = decimals(low, 3) + " to " + decimals(number(r, m.key+"_high"), 3)
			}
			cells, limits = append(cells, shown), append(limits, between)
		}
		if g.add(cells...); slices.ContainsFunc(limits[1:], func(s string) bool { return s != "" }) {
			g.add(limits...)
		}
	}
	g.write(&p.Builder, "")
	for _, r := range rows {
		if b := number(r, "auc_bound"); b > 0 {
			p.line("(areas from classes of risk; true values within %s)", alone(b, 2))
			break
		}
	}
}

// predicted prints survival of the people asked for, one after the other; of long curves the beginning, as of Kaplan-Meier's.
func (p *printer) predicted(rows []stat.Record) {
	all := len(rows)
	rows = rows[:min(all, mostTimes)]
	survival, errors := column(values(rows, "estimate"), 3), column(values(rows, "std_error"), 3)
	g := grid{left: 1}
	g.add("", "time", "survival", "std.err", "95% CI (log)")
	last := ""
	for i, r := range rows {
		who := text(r, "covariates")
		if s := text(r, "stratum"); s != "" {
			who += "; " + s
		}
		name := who
		if who == last {
			name = ""
		}
		last = who
		g.add(name, plain(number(r, "time")), orGone(survival[i], r), orGone(errors[i], r), interval(r, "conf_low", "conf_high", 3))
	}
	g.write(&p.Builder, "")
	if rest := all - len(rows); rest > 0 {
		p.line("and %s more: see result.json, or name times: in the study", plural(int64(rest), "time"))
	}
}
