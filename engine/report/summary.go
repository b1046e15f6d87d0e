package report

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/stat"
)

// summary is what a steward reads if nothing else: what the result shows, which
// counts of single people are opened on the way, and to whom.
func (p *Plan) summary(b *strings.Builder) {
	section(b, "In short")
	to, minCell := To(p.Spec.Privacy), p.Spec.Privacy.MinCell
	var shown, refused, counting []string
	inFull := false
	if some, _ := peopleCounted(p.Openings); some {
		counting = append(counting, "the study as a whole")
	}
	for _, a := range p.Analyses {
		if a.Refused != nil {
			refused = append(refused, a.ID+" ("+a.Refused.Rule+")")
			continue
		}
		shown = append(shown, a.ID)
		onTheWay, released := peopleCounted(a.Openings)
		if onTheWay {
			counting = append(counting, a.ID)
		}
		inFull = inFull || released
	}
	if shown != nil {
		wrap(b, "", 2, fmt.Sprintf("The result shows, to %s: %s.", to, few(shown)))
	}
	if refused != nil {
		wrap(b, "", 2, "A disclosure rule refuses: "+few(refused)+".")
	}
	if inFull && minCell > 1 {
		wrap(b, "", 2, fmt.Sprintf("%s sees the counts of the result in full, before the rules hide those of 1 to %d people.", seer(to), minCell-1))
	}
	if counting != nil {
		wrap(b, "", 2, fmt.Sprintf("Other counts of people, down to a single one, are opened to %s on the way and never written: %s.", to, few(counting)))
	} else {
		wrap(b, "", 2, "No other count of people is opened on the way.")
	}
	wrap(b, "", 2, "Every sum is listed below, with what can be computed from it.")
}

// peopleCounted reports whether openings count people on the way, and whether counts of people are released.
func peopleCounted(openings []stat.Opening) (onTheWay, released bool) {
	for _, o := range openings {
		onTheWay = onTheWay || o.CountsPeople && !o.Released
		released = released || o.CountsPeople && o.Released
	}
	return onTheWay, released
}

// seer is who opens totals, as the subject of a sentence.
func seer(to string) string {
	if to == analyst {
		return "The analyst"
	}
	return "Every hospital's gateway"
}

// few lists at most 15 names.
func few(names []string) string {
	const most = 15
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
