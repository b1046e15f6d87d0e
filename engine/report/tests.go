package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// ttest prints the groups, then one line per method.
func (p *printer) ttest(args stat.Args, f *stat.Frame) {
	if len(f.Tidy) == 0 {
		return
	}
	first, second := p.pair(args)
	r := f.Tidy[0]
	g := &grid{left: 1}
	g.add("", "n", "mean", "SD")
	for i, name := range []string{first, second} {
		n := string("12"[i])
		mean, sd := number(r, "estimate"+n), number(r, "sd"+n)
		if math.IsNaN(mean) && len(args.Paired) == 2 {
			continue
		}
		g.add(name, show(r, "n"+n), orGone(spread(mean, sd), r), orGone(spread(sd, sd), r))
	}
	if len(g.rows) > 1 {
		g.write(&p.Builder, "")
		p.line("")
	}
	for _, r := range f.Tidy {
		p.line("%s: t = %s, df = %s, %s", methodTitle(text(r, "method")), show(r, "statistic"), alone(number(r, "df"), 5), pEquals(number(r, "p_value")))
		p.line("  difference (%s minus %s) %s, 95%% CI %s", first, second, show(r, "estimate"), interval(r, "conf_low", "conf_high", 4))
	}
	if d := number(f.Glance, "cohen_d"); !math.IsNaN(d) {
		p.line("Cohen's d: %s", alone(d, 4))
	}
}

// pair names the two sides of a comparison.
func (p *printer) pair(args stat.Args) (first, second string) {
	if len(args.Paired) == 2 {
		return args.Paired[0], args.Paired[1]
	}
	if f, err := p.Spec.Schema.Factor(args.By); err == nil && len(f.Levels) >= 2 {
		return f.Levels[0], f.Levels[1]
	}
	return "first", "second"
}

func methodTitle(method string) string {
	switch method {
	case "welch":
		return "Welch's t-test"
	case "student":
		return "Student's t-test"
	case "paired":
		return "Paired t-test"
	case "wilcoxon":
		return "Wilcoxon rank sum test"
	case "kruskal":
		return "Kruskal-Wallis rank sum test"
	}
	return method
}

// anova prints R's table of sums of squares, then the tests that do not assume equal variances.
func (p *printer) anova(f *stat.Frame) {
	g := &grid{left: 1}
	g.add("", "Df", "Sum Sq", "Mean Sq", "F value", "Pr(>F)", "")
	ps := pvalues(values(f.Tidy, "p_value"), 3)
	for i, r := range f.Tidy {
		statistic, tail := show(r, "statistic"), ps[i]
		if r.Get("statistic") == nil {
			statistic, tail = "", ""
		}
		star := stars(number(r, "p_value"))
		g.add(text(r, "term"), show(r, "df"), show(r, "sumsq"), show(r, "meansq"), statistic, tail, star+strings.Repeat(" ", 3-len(star)))
	}
	g.write(&p.Builder, "")
	p.line("")
	if v := number(f.Glance, "eta_squared"); !math.IsNaN(v) {
		p.line("Eta squared: %s", alone(v, 4))
	}
	if v := number(f.Glance, "welch_statistic"); !math.IsNaN(v) {
		p.line("Welch's test: F = %s on %s and %s, %s", alone(v, 5), alone(number(f.Glance, "welch_df1"), 5), alone(number(f.Glance, "welch_df2"), 5), pEquals(number(f.Glance, "welch_p")))
	}
	if v := number(f.Glance, "bartlett_statistic"); !math.IsNaN(v) {
		p.line("Bartlett's test of equal variances: %s, %s", alone(v, 5), pEquals(number(f.Glance, "bartlett_p")))
	}
}

func (p *printer) rank(args stat.Args, f *stat.Frame) {
	for _, r := range f.Tidy {
		if text(r, "method") == "wilcoxon" {
			first, second := p.pair(args)
			p.line("Wilcoxon rank sum test: W = %s, z = %s, %s (continuity-corrected; %s without)",
				alone(number(r, "statistic"), 7), show(r, "z"), pEquals(number(r, "p_value")), strings.TrimPrefix(pEquals(number(r, "p_value_uncorrected")), "p = "))
			if auc := number(r, "auc"); !math.IsNaN(auc) {
				p.line("  probability that %s of %s exceeds that of %s, ties half: %s", args.Variable, second, first, alone(auc, 4))
			}
			continue
		}
		p.line("%s: %s on %s, %s", methodTitle(text(r, "method")), alone(number(r, "statistic"), 5), degrees(number(r, "df")), pEquals(number(r, "p_value")))
	}
}

func (p *printer) correlation(args stat.Args, f *stat.Frame) {
	g := &grid{left: 2}
	letter, limits := "r", has(f.Tidy, "conf_low")
	if args.Method == "spearman" {
		letter = "rho"
	}
	head := []string{"", "", letter}
	if limits { // a rank correlation has none
		head = append(head, "95% CI")
	}
	g.add(append(head, "n", "t", "df", "p")...)
	ps := pvalues(values(f.Tidy, "p_value"), 3)
	for i, r := range f.Tidy {
		cells := []string{text(r, "x"), text(r, "y"), orGone(decimals(number(r, "estimate"), 4), r)}
		if limits {
			between := interval(r, "conf_low", "conf_high", 3)
			if between == absent {
				between = ""
			}
			cells = append(cells, between)
		}
		g.add(append(cells, show(r, "n"), show(r, "statistic"), show(r, "df"), orGone(ps[i], r))...)
	}
	g.write(&p.Builder, "")
}
