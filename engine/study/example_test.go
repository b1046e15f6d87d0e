package study_test

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/study"
)

func ExampleParse() {
	s, err := study.Parse("study.yaml", []byte(`
study: blood-pressure
sites: {north: {csv: north.csv}, south: {csv: south.csv}, east: {csv: east.csv}}
variables:
  age: {type: number, unit: years, integer: true, min: 0, max: 120}
  bp:  {type: number, unit: mm Hg, integer: true, min: 40, max: 300}
  sex: {type: category, levels: [female, male]}
cohort: {where: "age >= 18"}
analyses:
  - {id: pressure, kind: describe, variables: [bp], by: sex}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Name, s.Schema.Sites, s.Cohort, s.Analyses[0].ID)
	_, err = study.Parse("study.yaml", []byte("study: blood-pressure\nsite: {north: , south: }\n"))
	fmt.Println(err)
	// Output:
	// blood-pressure [north south east] age >= 18 pressure
	// study: study.yaml, line 1: the study file has no key "sites"
	// study: study.yaml, line 1: the study file has no key "variables"
	// study: study.yaml, line 1: the study file has no key "analyses"
	// study: study.yaml, line 2: study file: unknown key "site"; nearest is "sites"
}
