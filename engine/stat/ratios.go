package stat

import (
	"fmt"
	"strings"
)

// overflown warns of coefficients whose ratio, or the upper limit of it, is beyond
// the largest number, and null therefore, or below the smallest, and 0. keys are those of the two.
func overflown(tidy []Record, what string, keys ...string) []string {
	var terms []string
	for _, r := range tidy {
		for i, of := range []string{"estimate", "conf_high"} {
			if _, finite := r.Get(of).(float64); finite && (r.Get(keys[i]) == nil || r.Get(keys[i]) == 0.0) {
				terms = append(terms, r.Get("term").(string))
				break
			}
		}
	}
	if terms == nil {
		return nil
	}
	return []string{fmt.Sprintf("the %s of %s, or its limit, is beyond the numbers there are, null or 0: give the variable a larger unit", what, strings.Join(terms, ", "))}
}
