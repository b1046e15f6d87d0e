package report

import (
	"fmt"
	"strings"
)

// Veil is what a study computes under encryption, in figures.
type Veil struct {
	Parameters         string // name of the set
	Digest             string // of parameters and circuits
	LogQP              int    // bits of the modulus, the auxiliary one included
	Degree             int    // of the ring
	Hiding             int    // bits: statistical, of the masks of a refresh
	Security           int    // bits: statistical, of what is opened
	Full               bool   // every hospital sees and checks every share
	Steps              int    // under encryption, two round trips each
	BytesUp, BytesDown int64  // of one hospital, at most
	Circuits           []VeilCircuit
}

// VeilCircuit is what is opened at once from under encryption.
type VeilCircuit struct {
	Name   string
	Cells  int
	Error  float64 // the largest that encryption leaves in a number, in its own unit
	Spread float64 // standard deviation of the noise that covers it, of all hospitals together
}

// veiled says what is computed under encryption and how well what comes out of it is covered.
func (p *Plan) veiled(b *strings.Builder) {
	v := p.Veil
	if v == nil {
		return
	}
	section(b, "What is computed under encryption")
	wrap(b, "", 0, fmt.Sprintf("Every hospital holds one part of the key, all parts are needed to open anything, and they are deleted when the study ends. "+
		"Parameters %s: degree %d, a modulus of %d bits, 128 bits of security against quantum computers; masks hide %d bits, the noise on what is opened %d.", v.Parameters, v.Degree, v.LogQP, v.Hiding, v.Security))
	if v.Full {
		wrap(b, "", 0, "Every hospital sees and checks every share (verify: full).")
	} else {
		wrap(b, "", 0, "The hub adds the shares, every hospital checks the sum (verify: sums). A hospital that deviates from the protocol together with a hub that does could learn more than the list above; verify: full stops that where the hub keeps to the order of messages.")
	}
	wrap(b, "", 0, "Opened of it, with the standard deviation of the noise that hides everything else:")
	for _, c := range v.Circuits {
		wrap(b, "  - ", 4, fmt.Sprintf("%s (%s, noise %.1g)", c.Name, plural(int64(c.Cells), "number"), c.Spread))
	}
}

func (v *Veil) object() object {
	var o object
	o.put("parameters", v.Parameters)
	o.put("digest", v.Digest)
	o.put("log_qp", v.LogQP)
	o.put("degree", v.Degree)
	o.put("hiding_bits", v.Hiding)
	o.put("opening_bits", v.Security)
	o.put("steps", v.Steps)
	o.put("bytes_up", v.BytesUp)
	o.put("bytes_down", v.BytesDown)
	circuits := list{}
	for _, c := range v.Circuits {
		circuits = append(circuits, row{{"opens", c.Name}, {"cells", c.Cells}, {"error", c.Error}, {"noise_sd", c.Spread}})
	}
	o.put("circuits", circuits)
	return o
}
