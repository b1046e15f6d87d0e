package bench

import (
	"fmt"
	"io"
	"strings"
)

// What our runs disclose on the way, and against whom they protect, by reveal.
var (
	ourDisclosure = map[string]string{
		"sums":  "hospitals see the declared sums over all hospitals at every step",
		"model": "hospitals see means, two residuals, the start model, and the sums at it",
	}
	ourThreat = map[string]string{
		"sums":  "a malicious hub with up to N-1 of N hospitals that follow the protocol; post-quantum keys",
		"model": "the same; hospitals that deviate together with the hub could learn more",
	}
)

// WritePublished writes, for every row with a published figure, that figure
// with its source, hardware, disclosure and threat model, and ours beside it.
func WritePublished(w io.Writer, rows []Row) error {
	var b strings.Builder
	for _, r := range rows {
		p := r.Parameters.Published
		if p == nil {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", r.Key())
		fmt.Fprintf(&b, "  published   %s: %s (%s)\n", p.System, p.Figure, p.Source)
		fmt.Fprintf(&b, "              on %s; sees: %s; against: %s\n", p.Hardware, p.Disclosure, p.Threat)
		switch {
		case r.Done():
			fmt.Fprintf(&b, "  here        %s", r.seconds())
			if r.OwnMachines != nil {
				fmt.Fprintf(&b, ", all parties on one machine; on machines of their own %s (projection)", r.own())
			}
			fmt.Fprintf(&b, "; sees: %s; against: %s\n", ourDisclosure[r.Reveal], ourThreat[r.Reveal])
		default:
			fmt.Fprintf(&b, "  here        no figures: %s%s\n", r.Failed, r.Skipped)
		}
		if r.Projection != nil {
			fmt.Fprintf(&b, "  projection  %s\n", r.Projection.How)
		}
		if p.Note != "" {
			fmt.Fprintf(&b, "  but         %s\n", p.Note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
