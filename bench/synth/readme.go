package synth

import (
	"fmt"
	"io"
	"strings"
)

func (c *Cohort) writeReadme(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, readmeHead, c.config.People, c.config.Hospitals, c.config.Seed, c.config.Covariates, c.hospitals[0].Name)
	_, err := io.WriteString(w, b.String())
	return err
}

const readmeHead = `A synthetic region: %d people in %d hospitals (seed %d, %d covariates).
No number here stems from a real person. %s.csv is the largest hospital.
`
