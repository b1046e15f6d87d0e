package stat

import (
	"strings"
	"testing"
)

func TestVIFIsNotGivenWithoutACovarianceOfAllTerms(t *testing.T) {
	set := readReference(t, "../../testdata/birthwt_hard")
	for why, args := range map[string]Args{
		"aliased":           {Kind: "logistic", Formula: "low ~ lwt + smoke + smoke_dup", VIF: true},
		"fewer than two":    {Kind: "linear", Formula: "bwt ~ race", VIF: true},
		"covariance matrix": {Kind: "logistic", Formula: "low ~ bwt + age", VIF: true}, // separated
	} {
		kind, _ := Lookup(args.Kind)
		f := run(t, begin(t, kind.Statistic, set, args), set.tables...)
		if len(f.Tables) > 0 || !strings.Contains(strings.Join(f.Warnings, "\n"), why) {
			t.Errorf("%s: tables %v, warnings %q", args.Formula, f.Tables, f.Warnings)
		}
	}
	ridge := 1.0
	if _, err := (Linear{}).Begin(Args{Kind: "linear", Formula: "bwt ~ age + race", VIF: true, Ridge: &ridge}, set.schema); err == nil {
		t.Error("vif of a penalised model is accepted")
	}
	if _, err := (Linear{}).Begin(Args{Kind: "linear", Formula: "bwt ~ age + race", VIF: true, Veil: true, Withhold: []string{"vcov", "std_error"}}, set.schema); err == nil {
		t.Error("vif of a covariance matrix that stays encrypted is accepted")
	}
}
