package report

import (
	"math"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// describe prints numbers and categories in tables of their own.
func (p *printer) describe(f *stat.Frame) {
	var numbers, levels []stat.Record
	for _, r := range f.Tidy {
		if r.Get("level") != nil {
			levels = append(levels, r)
		} else {
			numbers = append(numbers, r)
		}
	}
	grouped := has(f.Tidy, "group")
	if len(numbers) > 0 {
		p.describeNumbers(numbers, grouped)
	}
	if len(numbers) > 0 && len(levels) > 0 {
		p.line("")
	}
	if len(levels) > 0 {
		p.describeLevels(levels, grouped)
	}
}

// describeNumbers leaves variance, standard error and sum to the CSV.
func (p *printer) describeNumbers(rows []stat.Record, grouped bool) {
	g := &grid{left: 1}
	head := []string{""}
	if grouped {
		head, g.left = append(head, "group"), 2
	}
	var quantiles []string
	for _, k := range columns(rows) {
		if k == "median" || len(k) > 1 && k[0] == 'q' && k[1] >= '0' && k[1] <= '9' {
			quantiles = append(quantiles, k)
		}
	}
	head = append(head, "n", "missing", "mean", "SD")
	for _, q := range quantiles {
		head = append(head, quantileTitle(q))
	}
	g.add(append(head, "skewness", "kurtosis")...)
	for _, r := range rows {
		cells := []string{p.label(text(r, "variable"))}
		if grouped {
			cells = append(cells, text(r, "group"))
		}
		sd := number(r, "sd")
		cells = append(cells, show(r, "n"), show(r, "missing"), orGone(spread(number(r, "mean"), sd), r), orGone(spread(sd, sd), r))
		for _, q := range quantiles {
			cells = append(cells, orGone(whole(number(r, q)), r))
		}
		g.add(append(cells, show(r, "skewness"), show(r, "kurtosis"))...)
	}
	g.write(&p.Builder, "")
}

// quantileTitle turns q25 into 25 %, q2_5 into 2.5 %.
func quantileTitle(key string) string {
	if key == "median" {
		return key
	}
	return strings.TrimPrefix(strings.TrimPrefix(strings.ReplaceAll(key, "_", "."), "q"), "0") + " %"
}

func (p *printer) describeLevels(rows []stat.Record, grouped bool) {
	g := &grid{left: 2}
	head := []string{"", "level"}
	if grouped {
		head, g.left = append(head, "group"), 3
	}
	g.add(append(head, "n", "%", "missing")...)
	for _, r := range rows {
		cells := []string{text(r, "variable"), text(r, "level")}
		if grouped {
			cells = append(cells, text(r, "group"))
		}
		pct := gone(r)
		if v := number(r, "pct"); !math.IsNaN(v) {
			pct = decimals(v, 1)
		}
		missing := ""
		if r.Get("missing") != nil {
			missing = show(r, "missing")
		}
		g.add(append(cells, show(r, "n"), pct, missing)...)
	}
	g.write(&p.Builder, "")
}

// histogram prints the classes with a bar of at most 50 marks.
func (p *printer) histogram(args stat.Args, f *stat.Frame) {
	most := 0.0
	for _, n := range values(f.Tidy, "count") {
		most = math.Max(most, n)
	}
	g := &grid{left: 1}
	g.add(p.label(args.Variable), "count", "")
	for i, r := range f.Tidy {
		end := ")"
		if i == len(f.Tidy)-1 {
			end = "]"
		}
		bar := ""
		if n := number(r, "count"); n > 0 {
			bar = strings.Repeat("#", max(1, int(math.Round(50*n/math.Max(most, 50)))))
		}
		g.add("["+show(r, "lower")+", "+show(r, "upper")+end, show(r, "count"), bar+strings.Repeat(" ", 50-len(bar)))
	}
	g.write(&p.Builder, "")
	if below, above := number(f.Glance, "below"), number(f.Glance, "above"); below > 0 || above > 0 || f.Glance.Get("below") == nil {
		p.line("below: %s, above: %s", show(f.Glance, "below"), show(f.Glance, "above"))
	}
}

func (p *printer) roc(args stat.Args, f *stat.Frame) {
	if auc := number(f.Glance, "auc"); !math.IsNaN(auc) {
		p.line("Area under the curve: %s%s, standard error %s (DeLong), 95%% CI %s", alone(auc, 4), bound(f.Glance), show(f.Glance, "std_error"), interval(f.Glance, "conf_low", "conf_high", 4))
	}
	if len(f.Tidy) == 0 {
		return
	}
	p.line("")
	g := &grid{}
	g.add(p.label(args.Score)+" >=", "tp", "fp", "tn", "fn", "sensitivity", "specificity")
	shown := f.Tidy
	const most = 40
	if len(shown) > most {
		shown = shown[:most]
	}
	for _, r := range shown {
		g.add(show(r, "threshold"), show(r, "tp"), show(r, "fp"), show(r, "tn"), show(r, "fn"), show(r, "sensitivity"), show(r, "specificity"))
	}
	g.write(&p.Builder, "")
	if rest := len(f.Tidy) - len(shown); rest > 0 {
		p.line("and %s more: see %s.csv", plural(int64(rest), "threshold"), args.ID)
	}
}
