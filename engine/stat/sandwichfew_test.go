package stat

import "testing"

// Three hospitals more than a hospital's own score has numbers: of a Cox model those of its coefficients alone.
func TestClustersAreThreeMoreThanScores(t *testing.T) {
	for _, c := range []struct {
		kind    string
		columns int // with the intercept
		sites   int64
		refused bool
	}{{"cox", 6, 8, false}, {"cox", 6, 7, true}, {"logistic", 6, 9, false}, {"logistic", 6, 8, true}} {
		s, err := newSandwich(Args{Kind: c.kind, SE: "cluster_site", Rules: rules(5, 3)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.few(c.columns, c.sites, rules(5, 3)); (err != nil) != c.refused {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
