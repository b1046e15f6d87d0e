package blind

import (
	"strings"
	"testing"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

func TestPlanRefusesWhatIsNoCircuit(t *testing.T) {
	p := mhe.InsecureTest(5)
	if _, err := NewPlan(p, 3, "perhaps", nil); err == nil || !strings.Contains(err.Error(), "verify is") {
		t.Errorf("verify: %v", err)
	}
	if _, err := NewPlan(p, 1, mhe.VerifyFold, nil); err == nil || !strings.Contains(err.Error(), "1 members") {
		t.Errorf("one member: %v", err)
	}
	for _, c := range []stat.Circuit{{}, {Root: &stat.Root{}, Products: &stat.Products{}}} {
		if _, err := NewPlan(p, 3, mhe.VerifyFold, []Job{{"a", c}}); err == nil || !strings.Contains(err.Error(), "exactly one") {
			t.Errorf("%v", err)
		}
	}
	l, err := NewPlan(p, 3, mhe.VerifyFold, nil)
	if err != nil || l.Cost() != (Cost{}) {
		t.Errorf("an empty plan costs %+v (%v)", l.Cost(), err)
	}
}
