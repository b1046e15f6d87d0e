package engine_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestResultsAgreeWithR runs every study of testdata, and of the folders that
// CONSILIUM_ORACLES names, over the real path and compares each number that R
// gave with ours. It prints how many of how many agree.
func TestResultsAgreeWithR(t *testing.T) {
	t.Parallel()
	own, further := oracleFolders(t)
	if len(further) == 0 {
		t.Log("CONSILIUM_ORACLES is not set: further sets are skipped")
	}
	var b strings.Builder
	var total tally
	left := map[string]int{}
	fmt.Fprintf(&b, "%-16s %8s %8s   %s\n", "set", "numbers", "agree", "analyses that agree wholly")
	for _, dir := range append(own, further...) {
		s := readOracleSet(t, dir)
		result := runStudy(t, s)
		var sum tally
		for _, a := range s.oracle.Analyses {
			if len(asked(s, a)) == 0 {
				left[a.Kind]++
			} else {
				sum.add(compareAnalysis(s, a, result))
			}
		}
		fmt.Fprintf(&b, "%-16s %8d %8d   %d of %d\n", s.schema.Set, sum.numbers, sum.numbersAgree, sum.analysesAgree, sum.analyses)
		total.add(sum)
	}
	fmt.Fprintf(&b, "%-16s %8d %8d   %d of %d\n", "all", total.numbers, total.numbersAgree, total.analysesAgree, total.analyses)
	t.Log("\n" + b.String())
	t.Logf("analyses of kinds that are not computed: %v", left)
	for _, f := range total.failures {
		t.Error(f)
	}
}
