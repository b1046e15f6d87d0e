package engine

import (
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/transport"
	"github.com/consilium-health/consilium/protocols/party"
)

// InsecureTest makes encrypted steps quick, in a ring of degree 2^logN that hides nothing.
func InsecureTest(o Options, logN int) Options {
	o.insecureTest = logN
	return o
}

// Through puts every party's link into the hands of a test.
func Through(o Options, wrap func(party.ID, transport.Link) transport.Link) Options {
	o.wrap = wrap
	return o
}

// Patience ends a round that a party has waited for so long.
func Patience(o Options, d time.Duration) Options {
	o.deadline = d
	return o
}

// PlanInsecureTest is Plan for runs with InsecureTest.
func PlanInsecureTest(s *study.Spec, logN int) (*report.Plan, error) {
	p, err := newPlan(s, logN)
	if err != nil {
		return nil, err
	}
	return p.Plan, nil
}

// OpenInsecureTest is Open for runs with InsecureTest.
func OpenInsecureTest(s *study.Spec, sealed *report.Sealed, analyst *party.Identity, logN int) (*report.Report, error) {
	return open(s, sealed, analyst, nil, logN)
}

// PlanDigest is the digest of a study's plan, as an analyst signs it.
func PlanDigest(t testing.TB, s *study.Spec) [32]byte {
	t.Helper()
	p, err := newPlan(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p.digest
}

// InsecureServices makes parties whose encrypted steps are quick, in a ring of degree 2^logN that hides nothing.
func InsecureServices(logN int, gateway *GatewayConfig, hub *HubConfig, analyst *AnalystConfig) {
	if gateway != nil {
		gateway.insecureTest = logN
	}
	if hub != nil {
		hub.insecureTest = logN
	}
	if analyst != nil {
		analyst.insecureTest = logN
	}
}
