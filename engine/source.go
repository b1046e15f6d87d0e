package engine

import (
	"context"

	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

// Records are a hospital's, read for one study.
type Records struct {
	Table *table.Table
	// Conformance says what was found of every variable. It stays in the house; may be nil.
	Conformance *table.Conformance
	// Cohort names the patients, the same for every study over the same ones,
	// whatever variables it uses: totals over one cohort are opened for one
	// roster only, until a steward clears it.
	Cohort string
}

// Source is where a hospital's records are. Records reads those of a site as the
// dictionary of s describes them; an *table.Invalid says that they do not
// conform. It is called for every attempt, and all calls of a run must yield the same.
type Source interface {
	Records(ctx context.Context, s *study.Spec, site party.ID) (Records, error)
}

// SourceFunc is a Source made of a function.
type SourceFunc func(ctx context.Context, s *study.Spec, site party.ID) (Records, error)

// Records implements Source.
func (f SourceFunc) Records(ctx context.Context, s *study.Spec, site party.ID) (Records, error) {
	return f(ctx, s, site)
}

// CSV is a Source of files. What the study file says of paths and quirks of
// files is not looked at: a gateway reads its own files.
type CSV struct {
	Dir     string                  // relative paths are from here
	File    table.Source            // for every study that Studies does not name
	Studies map[string]table.Source // by name of the study: variables may stand elsewhere, or under other names
	Cohort  string                  // see Records; "": the path of the file
}

var _ Source = CSV{}

// Records implements Source.
func (c CSV) Records(ctx context.Context, s *study.Spec, site party.ID) (Records, error) {
	if err := ctx.Err(); err != nil {
		return Records{}, err
	}
	file, ok := c.Studies[s.Name]
	if !ok {
		file = c.File
	}
	t, found, err := table.OpenCSV(c.Dir, file, s.Schema, string(site), s.Privacy.MaxRows)
	cohort := c.Cohort
	if cohort == "" {
		cohort = file.CSV
	}
	return Records{Table: t, Conformance: found, Cohort: cohort}, err
}
