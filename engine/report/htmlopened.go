package report

import (
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

func rec1(key string, value any) stat.Record { return stat.Record{}.Put(key, value) }

// openedPage says in plain words what was opened to whom, and what was held back.
func (p *page) openedPage() {
	s := p.Spec
	p.Lead = append(p.Lead, p.w("opened.lead"))
	if ids := p.ids(func(a Analysis) bool { return p.args(a.ID).PerHospital }); ids != nil {
		p.Lead = append(p.Lead, p.w("opened.sites", strings.Join(ids, ", ")))
	}
	if s.Privacy.Release == "analyst" {
		p.Lead = append(p.Lead, p.w("opened.analyst"))
	} else {
		p.Lead = append(p.Lead, p.w("opened.all"))
	}
	if perHospital(s) != "" {
		p.Lead = append(p.Lead, p.w("opened.recordsonly"))
	} else {
		p.Lead = append(p.Lead, p.w("opened.records"))
	}
	veiled, open := veils(s)
	if veiled {
		p.Lead = append(p.Lead, p.w("opened.veil"))
	}
	if open != nil {
		p.Lead = append(p.Lead, p.w("opened.unveiled", strings.Join(open, ", ")))
	}
	switch n := len(s.Sites); n {
	case 1:
		p.Lead = append(p.Lead, p.w("opened.collusion1"))
	case 2:
		p.Lead = append(p.Lead, p.w("opened.collusion2"))
	default:
		p.Lead = append(p.Lead, p.w("opened.collusion", n, n-1))
	}
	p.Lead = append(p.Lead, p.w("opened.twice"))
	p.openings()
	p.heldBack()
	p.traffic()
}

// openings lists every sum, those declared and never asked for last of all in their row: 0 times.
func (p *page) openings() {
	v := &view{Caption: p.w("table.openings"), Columns: []header{{p.w("col.analysis"), "analysis", false}, {p.w("col.what"), "what", false}, {p.w("col.cells"), "cells", true},
		{p.w("col.times"), "times", true}, {p.w("col.max_times"), "max_times", true}, {p.w("col.counts_people"), "counts_people", false}, {p.w("col.released"), "released", false},
		{p.w("col.per_hospital"), "per_hospital", false}, {p.w("col.to"), "to", false}}}
	truth := func(is bool) cell {
		if is {
			return cell{Word: p.w("yes"), Value: "true", Exact: true}
		}
		return cell{Word: p.w("no"), Value: "false", Exact: true}
	}
	add := func(of word, all []Disclosed) {
		for _, d := range all {
			to := d.To
			if to == "" {
				to = To(p.Spec.Privacy)
			}
			v.Rows = append(v.Rows, []cell{{Word: of}, p.saidCell(d.What), numberCell(int64(d.Cells)), numberCell(int64(d.Times)), numberCell(int64(d.MaxTimes)),
				truth(d.CountsPeople), truth(d.Released), truth(d.PerHospital), {Word: p.maybe("to", to), Value: to, Exact: true}})
		}
	}
	add(p.w("study.whole"), p.Disclosed)
	for _, a := range p.Analyses {
		add(same(a.ID), a.Disclosed)
	}
	v.Closed = len(v.Rows) > rowsShown
	p.Openings = []block{{Table: v, Name: "opened"}}
}

// saidCell says a sentence of the program's own; the saved CSV has it in English.
func (p *page) saidCell(s string) cell {
	w := p.said(s)
	return cell{Word: w, Value: w.En, Exact: w.Translated()}
}

// heldBack lists what was suppressed or refused.
func (p *page) heldBack() {
	v := &view{Caption: p.w("opened.suppressed"), Quiet: true, Columns: []header{{p.w("col.analysis"), "analysis", false}, {p.w("col.outcome"), "outcome", false}, {p.w("state.message"), "message", false}, {p.w("state.remedy"), "remedy", false}}}
	for _, a := range p.Analyses {
		switch {
		case a.Refused != nil:
			rule := p.maybe("rule", a.Refused.Rule)
			v.Rows = append(v.Rows, []cell{{Word: same(a.ID)}, {Word: word{p.w("flow.refused").En + ": " + rule.En, p.w("flow.refused").Zh + "：" + rule.Zh}, Value: a.Refused.Rule, Exact: true}, p.saidCell(a.Refused.Message), p.saidCell(a.Refused.Remedy)})
		case a.Frame != nil && a.Frame.Suppressed:
			v.Rows = append(v.Rows, []cell{{Word: same(a.ID)}, {Word: p.w("state.suppressedtag")}, {Word: p.w("state.suppressed", hidden, p.minCell()-1)}, {}})
		}
	}
	if len(v.Rows) == 0 {
		note := p.w("opened.nothing")
		p.Held = []block{{Note: &note}}
		return
	}
	note := p.w("opened.why", max(1, p.minCell()-1))
	p.Held = []block{{Note: &note}, {Table: v, Name: "held-back"}}
}

// traffic is what report.txt says of it: seconds differ from run to run and are in result.json alone.
func (p *page) traffic() {
	if p.Cost.Rounds == 0 {
		return
	}
	var up, down int64
	for _, n := range p.Cost.BytesUp {
		up = max(up, n)
	}
	for _, n := range p.Cost.BytesDown {
		down = max(down, n)
	}
	key := "opened.cost"
	if len(p.Cost.BytesUp) == 1 && len(p.Spec.Sites) > 1 {
		key = "opened.costown"
	}
	said := p.w(key, count(int64(p.Cost.Rounds)), bytes(up), bytes(down))
	p.Traffic = &said
}
