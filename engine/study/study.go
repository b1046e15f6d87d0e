// Package study reads the study file: what is asked of which hospitals, under
// which disclosure rules. Its canonical form has a digest that approvals and
// results carry.
package study

import (
	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Spec is a valid study.
type Spec struct {
	Name     string
	Title    string
	Approval Approval
	Dir      string // folder of the study file; paths of Sites are relative to it; not part of the digest
	Sites    []Site // the roster, in the order of the file
	Schema   *table.Schema
	Cohort   *table.Condition // nil keeps every row
	Analyses []stat.Args
	Privacy  Privacy
	Warnings []string // about the study itself, for instance two hospitals only
}

// Approval is free text about ethics approval and contact; part of the digest.
type Approval struct {
	Ethics  string `yaml:"ethics"`
	Contact string `yaml:"contact"`
}

// Site is one hospital of the roster and where `run` finds its records.
type Site struct {
	ID     party.ID
	Source table.Source
}

// Privacy is the study's choice of protection and disclosure rules (study-file keys of the same names).
type Privacy struct {
	Reveal              string // sums | model
	Release             string // all | analyst
	MinSites            int
	MaxRows             uint64
	Verify              string // sums | full
	MinCell             int
	MaxParametersPerRow float64
	Differencing        string // warn | refuse
	Digits              string // full | 4
}
