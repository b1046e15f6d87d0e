package stat

import (
	"fmt"
	"strings"
)

// Cut is a place at which a result tells people apart by a quantity: between
// two cuts of one analysis are never a few people, but between those of two may be.
type Cut struct {
	Of    string // the quantity, and which people: "age", "age, ill = 1"
	Below int64  // people below, of all that the analysis uses
}

// cutBy notes that a result tells apart, of all, those below a place and the rest.
func (f *Frame) cutBy(below, all int64, of ...string) {
	if below > 0 && below < all {
		f.Cuts = append(f.Cuts, Cut{strings.Join(of, ", "), below})
	}
}

// cutByRisk notes a place on the predicted risk of a model, with the event and over all.
func (f *Frame) cutByRisk(model *Args, below, n, belowEvents, events int64) {
	risk := "predicted risk of " + model.Formula
	f.cutBy(below, n, risk)
	f.cutBy(belowEvents, events, risk, "event")
	f.cutBy(below-belowEvents, n-events, risk, "no event")
}

// cutByHazard is that of a hazard model. Without strata people have the same
// order of risk at every horizon.
func (f *Frame) cutByHazard(model *Args, at float64, below, n int64) (risk string) {
	risk = "predicted hazard of " + model.Formula
	if len(model.Strata) > 0 {
		risk = fmt.Sprintf("%s by %s %s, strata %v", risk, model.Time, number(at), model.Strata)
	}
	f.cutBy(below, n, risk)
	return risk
}
