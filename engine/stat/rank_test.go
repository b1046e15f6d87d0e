package stat

import "testing"

func rankOf(t *testing.T, s *reference, a answer) *program {
	t.Helper()
	f, err := s.schema.Field(a.Spec.Column)
	if err != nil {
		t.Fatal(err)
	}
	by, err := s.schema.Factor(a.Spec.Group)
	if err != nil {
		t.Fatal(err)
	}
	args := Args{Kind: "rank", Variable: f.Name, By: by.Name, Rules: Rules{MinCell: 1, MinSites: 1}}
	c, err := newCensus(args, s.schema, []string{f.Name, by.Name}, []string{by.Name})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newRankPart(f, by, args.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return &program{census: c, parts: []part{p}, finish: func() (Frame, error) {
		fr := c.counts()
		x, df, pv := p.kruskal()
		fr.Tidy = []Record{Record{}.Put("statistic", x).Put("df", df).Put("p", pv)}
		if l := p.occupied(); len(l) == 2 {
			w := p.wilcoxon(l[0], l[1])
			fr.Tidy = append(fr.Tidy, Record{}.Put("w", w.u).Put("z", w.z).Put("p", w.pUncorrected).Put("p_corrected", w.p).Put("auc_group2_over_group1", w.auc))
		}
		return fr, nil
	}}
}

func TestRankSumsAgreeWithR(t *testing.T) {
	for _, s := range references(t) {
		for _, a := range s.answers {
			if a.Kind != "rank" || a.Spec.Where != nil {
				continue
			}
			f := run(t, func() Program { return rankOf(t, s, a) }, s.tables...)
			for i, test := range []string{"kruskal", "wilcoxon"}[:len(f.Tidy)] {
				for _, e := range f.Tidy[i] {
					want := a.at(t, test, e.Key)
					if ok := near(e.Value, want) && (e.Key[0] != 'p' || nearTail(e.Value, want)); !ok {
						t.Errorf("%s/%s: %s %s is %v, R has %v", s.name, a.ID, test, e.Key, e.Value, want)
					}
				}
			}
		}
	}
}
