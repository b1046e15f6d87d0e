package mhe

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Keys, masks and inputs do not get into a log by accident.
func TestSecretsPrintAsTheirNames(t *testing.T) {
	p := InsecureTest(4)
	w := newWorld(t, p, 2)
	s := w.sessions[0]
	r := &Retained{owner: s, share: []wide{{4711}}}
	x := p.plain("x", 1, 1, 0.25)
	for _, v := range []any{s, s.secret, r, x, &Opening{Terms: [][2]uint64{{4711, 1}}}, []*Retained{r}, []Plain{x}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			if got := fmt.Sprintf(verb, v); len(got) > 60 || strings.Contains(got, "4711") {
				t.Errorf("%s of %T: %.80s", verb, v, got)
			}
		}
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		if strings.Contains(b.String(), "4711") || len(b.String()) > 200 {
			t.Errorf("log of %T: %.80s", v, b.String())
		}
	}
}
