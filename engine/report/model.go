package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// model prints a regression as R's print.summary.lm and print.summary.glm do,
// and for a logistic model the odds ratios.
func (p *printer) model(kind string, args stat.Args, f *stat.Frame) {
	var rows []stat.Record
	aliased := 0
	for _, r := range f.Tidy {
		if is, _ := r.Get("aliased").(bool); is {
			aliased++
		}
		if r.Get("term") != nil {
			rows = append(rows, r)
		}
	}
	switch {
	case aliased == 1:
		p.line("Coefficients: (1 not defined because of singularities)")
	case aliased > 1:
		p.line("Coefficients: (%d not defined because of singularities)", aliased)
	default:
		p.line("Coefficients:")
	}
	p.coefficients(kind, rows)
	p.errors(f.Glance)
	if lambda := number(f.Glance, "ridge"); lambda > 0 {
		p.line("Penalty 1/2 lambda sum(beta^2), columns scaled by their SD (n-1), lambda = %s", plain(lambda))
	}
	if kind == "logistic" {
		limits := "Wald"
		if text(f.Glance, "limits") == "profile" {
			limits = "profile"
		}
		p.ratios(rows, "Odds ratio", "odds", limits)
		p.logisticFit(f.Glance)
	} else {
		p.linearFit(f.Glance)
	}
	if len(f.Drop1) > 0 {
		p.drop1(f.Drop1)
	}
	p.tables(f)
}

// errors says which standard errors are printed, when they are not the model's own.
func (p *printer) errors(g stat.Record) {
	switch kind := text(g, "se"); {
	case kind == "cluster_site":
		p.line("Standard errors: clustered by hospital (%s)", show(g, "clusters"))
	case kind != "":
		p.line("Standard errors: robust, %s", strings.ToUpper(kind))
	}
}

// drop1 prints the model without each term, as R's drop1 does.
func (p *printer) drop1(rows []stat.Record) {
	title, between := "LRT", "Pr(>Chi)"
	linear := has(rows, "sumsq")
	if linear {
		title, between = "F value", "Pr(>F)"
	}
	p.line("")
	p.line("Without one term at a time:")
	g := grid{left: 1}
	g.add("", "Df", "AIC", title, between, "")
	ps := pvalues(values(rows, "p_value"), 3)
	for i, r := range rows {
		df, statistic, tail := show(r, "df"), show(r, "statistic"), ps[i]
		if r.Get("df") == nil {
			df, statistic, tail = "", "", ""
		}
		star := stars(number(r, "p_value"))
		g.add(text(r, "term"), df, orGone(decimals(number(r, "aic"), 2), r), statistic, tail, star+strings.Repeat(" ", 3-len(star)))
	}
	g.write(&p.Builder, "")
	if linear {
		p.line("(AIC is R's extractAIC, as drop1 prints it: it differs from the AIC above by a constant)")
	}
}

// coefficients follows R's printCoefmat with digits = 4: estimates and standard
// errors share a format, statistics have three decimals at most.
func (p *printer) coefficients(kind string, rows []stat.Record) {
	if len(rows) == 0 {
		return
	}
	const digits = 4
	letter := "t"
	if kind == "logistic" {
		letter = "z"
	}
	var sizes, statistics, ps []float64
	for _, r := range rows {
		sizes = append(sizes, number(r, "estimate"), number(r, "std_error"))
		statistics = append(statistics, toDecimals(number(r, "statistic"), digits-1))
		ps = append(ps, number(r, "p_value"))
	}
	shared := coefficientFormat(sizes, digits)
	g := grid{left: 1}
	if has(rows, "estimate_standardized") { // ridge
		g.add("", "Estimate", "Standardized")
		standardized := coefficientFormat(values(rows, "estimate_standardized"), digits)
		for i, r := range rows {
			g.add(text(r, "term"), orGone(shared[2*i], r), orGone(standardized[i], r))
		}
		g.write(&p.Builder, "")
		return
	}
	tests, tails := column(statistics, digits), pvalues(ps, digits-1)
	g.add("", "Estimate", "Std. Error", letter+" value", "Pr(>|"+letter+"|)", "")
	starred := false
	for i, r := range rows {
		estimate := orGone(shared[2*i], r)
		if sign := text(r, "infinite"); sign != "" {
			estimate = strings.TrimPrefix(sign, "+") + "Inf"
		}
		star := stars(ps[i])
		starred = starred || star != ""
		g.add(text(r, "term"), estimate, orGone(shared[2*i+1], r), orGone(tests[i], r), orGone(tails[i], r), star+strings.Repeat(" ", 3-len(star)))
	}
	g.write(&p.Builder, "")
	if starred {
		p.line("---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1")
	}
}

// coefficientFormat formats estimates and standard errors together, with so
// many decimals that the smallest of them shows digits significant ones, as R does.
func coefficientFormat(xs []float64, digits int) []string {
	least := math.Inf(1)
	for _, x := range xs {
		if a := math.Abs(x); a != 0 && a < least {
			least = a
		}
	}
	kept := digits - 1
	if !math.IsInf(least, 1) {
		kept = max(1, digits-1-int(math.Floor(math.Log10(least))))
	}
	cut := make([]float64, len(xs))
	for i, x := range xs {
		cut[i] = toDecimals(x, kept)
	}
	return column(cut, digits)
}

// ratios prints the ratios of a kind (odds, rate, hazard) under a title, with limits of a kind; the intercept's is left to the CSV.
func (p *printer) ratios(rows []stat.Record, title, of, kind string) {
	if !has(rows, of+"_ratio") {
		return
	}
	g := grid{left: 1}
	limits := has(rows, of+"_low") || has(rows, of+"_high") // ridge has none
	g.add("", title)
	if limits {
		g.rows[0] = append(g.rows[0], "95% CI ("+kind+")")
	}
	for _, r := range rows {
		term := text(r, "term")
		if term == "(Intercept)" || r.Get(of+"_ratio") == nil {
			continue
		}
		ratio, low, high := ratios(number(r, of+"_ratio"), number(r, of+"_low"), number(r, of+"_high"))
		cells := []string{term, ratio}
		if limits {
			cells = append(cells, orGone(low, r)+" to "+orGone(high, r))
		}
		g.add(cells...)
	}
	if len(g.rows) > 1 {
		p.line("")
		g.write(&p.Builder, "")
	}
}

func (p *printer) linearFit(g stat.Record) {
	p.line("")
	if sigma := number(g, "sigma"); !math.IsNaN(sigma) {
		p.line("Residual standard error: %s%s", alone(sigma, 4), onDegrees(g, "df_residual"))
	}
	if r2 := number(g, "r_squared"); !math.IsNaN(r2) {
		adjusted := ""
		if g.Get("adj_r_squared") != nil { // a ridge fit has none
			adjusted = ", Adjusted R-squared: " + show(g, "adj_r_squared")
		}
		p.line("Multiple R-squared: %s%s", alone(r2, 4), adjusted)
	}
	if f := number(g, "statistic"); !math.IsNaN(f) {
		p.line("F-statistic: %s on %s and %s DF, %s", alone(f, 4), show(g, "df"), show(g, "df_residual"), pEquals(number(g, "p_value")))
	}
	p.criteria(g)
}

func (p *printer) logisticFit(g stat.Record) {
	if x := number(g, "log_lik_penalized"); !math.IsNaN(x) {
		p.line("")
		p.line("Penalised log likelihood (Firth): %s; deviance %s%s", alone(x, 6), alone(number(g, "deviance"), 5), onDegrees(g, "df_residual"))
		p.evaluation(g)
		return
	}
	d := column([]float64{toDecimals(number(g, "null_deviance"), 2), toDecimals(number(g, "deviance"), 2)}, 5)
	p.line("")
	p.line("    Null deviance: %s%s", d[0], onDegrees(g, "df_null"))
	if g.Get("deviance") != nil {
		p.line("Residual deviance: %s%s", d[1], onDegrees(g, "df_residual"))
	}
	if lr := number(g, "lr_statistic"); !math.IsNaN(lr) {
		p.line("Likelihood ratio test: %s%s, %s", alone(lr, 4), onDegrees(g, "lr_df"), pEquals(number(g, "lr_p")))
	}
	p.criteria(g)
	if r2 := number(g, "mcfadden_r2"); !math.IsNaN(r2) {
		p.line("Pseudo R-squared: %s (McFadden), %s (Nagelkerke)", alone(r2, 4), show(g, "nagelkerke_r2"))
	}
	p.evaluation(g)
}

// evaluation prints the events and what a logistic model predicts of them.
func (p *printer) evaluation(g stat.Record) {
	if events := number(g, "n_event"); !math.IsNaN(events) {
		p.line("Events: %s, %s per parameter", show(g, "n_event"), show(g, "events_per_parameter"))
	}
	if auc := number(g, "auc"); !math.IsNaN(auc) {
		p.line("In-sample: AUC %s%s, 95%% CI %s; Brier score %s, log loss %s", alone(auc, 4), bound(g), interval(g, "auc_low", "auc_high", 4), show(g, "brier"), show(g, "log_loss"))
	}
	if n := number(g, "iterations"); !math.IsNaN(n) {
		p.line("Newton steps: %s", show(g, "iterations"))
	}
}

// onDegrees prints " on 123 degrees of freedom", or nothing where there are none: a ridge fit has no such number.
func onDegrees(g stat.Record, key string) string {
	if df := number(g, key); !math.IsNaN(df) {
		return " on " + degrees(df)
	}
	return ""
}

// criteria prints the information criteria.
func (p *printer) criteria(g stat.Record) {
	if aic := number(g, "aic"); !math.IsNaN(aic) {
		p.line("AIC: %s, BIC: %s, log likelihood: %s", alone(aic, 5), alone(number(g, "bic"), 5), alone(number(g, "log_lik"), 5))
	}
}

// bound prints the largest possible error of an area under the curve that was computed from classes.
func bound(g stat.Record) string {
	if b := number(g, "auc_bound"); b > 0 {
		return " (from classes; true value within " + alone(b, 2) + ")"
	}
	return ""
}

// interval prints two limits as "0.152 to 0.728".
func interval(r stat.Record, low, high string, digits int) string {
	lo, hi := number(r, low), number(r, high)
	if math.IsNaN(lo) && math.IsNaN(hi) {
		return gone(r)
	}
	return alone(lo, digits) + " to " + alone(hi, digits)
}

func values(rows []stat.Record, key string) []float64 {
	xs := make([]float64, len(rows))
	for i, r := range rows {
		xs[i] = number(r, key)
	}
	return xs
}

// orGone replaces a number that does not exist by the reason.
func orGone(s string, r stat.Record) string {
	if s == absent {
		return gone(r)
	}
	return s
}

// toDecimals rounds x to so many decimals.
func toDecimals(x float64, n int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	return parse(decimals(x, n))
}
