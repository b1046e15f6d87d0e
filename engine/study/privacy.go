package study

import (
	"math"

	"go.yaml.in/yaml/v3"
)

const (
	defaultSites   = 3
	defaultCell    = 5
	defaultRatio   = 0.33
	maxRowsAllowed = 1 << 32
)

// privacy reads the disclosure rules; n may be nil: then all are at their defaults.
func (p *parser) privacy(n, doc *yaml.Node) {
	at := doc
	keys := map[string]*yaml.Node{}
	if n != nil {
		at = n
		keys = p.keys(n, "privacy", "reveal", "release", "min_sites", "max_rows", "verify", "min_cell", "max_parameters_per_row", "differencing", "digits")
	}
	v := &p.spec.Privacy
	v.Reveal = p.choice(keys["reveal"], "privacy.reveal", "sums", "model")
	v.Release = p.choice(keys["release"], "privacy.release", "all", "analyst")
	v.Verify = p.choice(keys["verify"], "privacy.verify", "sums", "full")
	v.Differencing = p.choice(keys["differencing"], "privacy.differencing", "warn", "refuse")
	v.Digits = p.choice(keys["digits"], "privacy.digits", "full", "4")
	v.MinSites, v.MinCell, v.MaxRows, v.MaxParametersPerRow = defaultSites, defaultCell, maxRowsAllowed, defaultRatio
	if k := keys["min_sites"]; k != nil {
		v.MinSites = int(p.integer(k, "privacy.min_sites", 1, math.MaxInt32))
		at = k
	}
	if k := keys["min_cell"]; k != nil {
		v.MinCell = int(p.integer(k, "privacy.min_cell", 1, math.MaxInt32))
	}
	if k := keys["max_rows"]; k != nil {
		v.MaxRows = uint64(p.integer(k, "privacy.max_rows", 1, maxRowsAllowed))
	}
	if k := keys["max_parameters_per_row"]; k != nil {
		v.MaxParametersPerRow = p.number(k, "privacy.max_parameters_per_row")
		if x := v.MaxParametersPerRow; !(x > 0 && x <= 1) {
			p.fail(k, "privacy.max_parameters_per_row must be above 0 and at most 1")
		}
	}
	if v.Verify == "full" && v.Reveal != "model" {
		p.fail(keys["verify"], "privacy.verify: full is about encrypted sessions, which reveal: sums has none of; leave it out, or use reveal: model")
	}
	if sites := len(p.spec.Sites); sites > 0 && sites < v.MinSites {
		p.fail(at, "the study has %d hospitals, privacy.min_sites is %d: %s", sites, v.MinSites, fewSites(sites))
	} else if sites > 0 && v.MaxRows < uint64(sites) {
		p.fail(at, "privacy.max_rows is %d, less than one record for each of %d hospitals", v.MaxRows, sites)
	}
}

// fewSites says what a small roster means and how to allow it.
func fewSites(sites int) string {
	switch sites {
	case 1:
		return "with one hospital every total is its own; write min_sites: 1 under privacy if that is intended"
	case 2:
		return "with two hospitals each can subtract itself from a total; write min_sites: 2 under privacy if every data steward agrees"
	}
	return "add hospitals, or lower min_sites if every data steward agrees"
}
