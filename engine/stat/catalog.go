package stat

// Catalog lists every kind of analysis this version computes, in the order of the documentation.
func Catalog() []Kind {
	return []Kind{
		{Name: "describe", Statistic: Describe{}, Required: []string{"variables"}, Optional: []string{"by", "quantiles", "quantile_type"}},
		{Name: "histogram", Statistic: Histogram{}, Required: []string{"variable", "breaks"}},
		{Name: "crosstab", Statistic: Crosstab{}, Required: []string{"rows", "columns"}},
		{Name: "mantel_haenszel", Statistic: MantelHaenszel{}, Required: []string{"rows", "columns", "strata"}},
		{Name: "ttest", Statistic: TTest{}, Optional: []string{"variable", "by", "paired"}},
		{Name: "anova", Statistic: Anova{}, Required: []string{"variable", "by"}},
		{Name: "rank", Statistic: Rank{}, Required: []string{"variable", "by"}},
		{Name: "correlation", Statistic: Correlation{}, Required: []string{"variables"}, Optional: []string{"method"}},
		{Name: "linear", Statistic: Linear{}, Required: []string{"formula"}, Optional: []string{"ridge", "drop1", "vif", "se", "withhold", "condition"}},
		{Name: "logistic", Statistic: Logistic{}, Required: []string{"formula"}, Optional: []string{"ridge", "evaluate", "cross_validate", "drop1", "vif", "se", "firth", "profile", "final_steps", "degree", "condition"}},
		{Name: "poisson", Statistic: Poisson{}, Required: []string{"formula"}, Optional: []string{"vif", "se"}},
		{Name: "negbin", Statistic: NegBin{}, Required: []string{"formula"}, Optional: []string{"vif", "se"}},
		{Name: "table1", Statistic: Table1{}, Required: []string{"variables"}, Optional: []string{"by", "medians"}},
		{Name: "roc", Statistic: ROC{}, Required: []string{"outcome", "score"}, Optional: []string{"thresholds", "grid"}},
		{Name: "km", Statistic: KaplanMeier{}, Required: []string{"time", "event"}, Optional: []string{"by", "entry", "grid", "times", "tau"}},
		{Name: "logrank", Statistic: LogRank{}, Required: []string{"time", "event", "by"}, Optional: []string{"strata", "grid"}},
		{Name: "cox", Statistic: Cox{}, Required: []string{"time", "event", "formula"}, Optional: []string{"ties", "strata", "entry", "grid", "zph", "vif", "se", "cross_validate", "predict", "times"}},
		{Name: "propensity", Statistic: Propensity{}, Required: []string{"formula"}, Optional: []string{"estimand", "stabilized", "truncate", "outcome"}},
		{Name: "lrtest", Statistic: LRTest{}, Required: []string{"models"}},
		{Name: "heterogeneity", Statistic: Heterogeneity{}, Required: []string{"model", "term"}, Optional: []string{"per_hospital"}},
		{Name: "calibration", Statistic: Calibration{}, Required: []string{"model"}, Optional: []string{"at", "bins", "per_hospital"}},
		{Name: "decision_curve", Statistic: DecisionCurve{}, Required: []string{"model"}, Optional: []string{"at", "thresholds"}},
	}
}
