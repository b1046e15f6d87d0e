package engine_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
	"github.com/consilium-health/consilium/protocols/party"
)

const tinyStudy = `
study: tiny
sites: {north: {csv: north.csv}, south: {csv: south.csv}, west: {csv: west.csv}}
variables:
  treated: {type: category, levels: [no, yes]}
  age:     {type: number, integer: true, min: 18, max: 110}
analyses:
  - {id: ages, kind: describe, variables: [age], by: treated}
privacy: {min_cell: 1}
`

// A study over three hospitals, all in this process.
func ExampleSimulate() {
	s, err := study.Parse("tiny.yaml", []byte(tinyStudy))
	if err != nil {
		log.Fatal(err)
	}
	records := map[party.ID]string{
		"north": "age,treated\n61,yes\n58,no\n",
		"south": "treated,age\nno,70\nyes,64\n",
		"west":  "treated,age\nyes,49\nno,\n",
	}
	tables := make(map[party.ID]*table.Table)
	for site, csv := range records {
		t, _, err := table.ReadCSV(strings.NewReader(csv), string(site)+".csv", table.Source{}, s.Schema, string(site), s.Privacy.MaxRows)
		if err != nil {
			log.Fatal(err)
		}
		tables[site] = t
	}
	r, err := engine.Simulate(context.Background(), s, tables)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range r.Analyses[0].Frame.Tidy {
		fmt.Println(row.Get("group"), row.Get("n"), row.Get("mean"))
	}
	// Output:
	// no 2 64
	// yes 3 58
}

// What a study would open is known before any record is read.
func ExamplePlan() {
	s, err := study.Parse("tiny.yaml", []byte(tinyStudy))
	if err != nil {
		log.Fatal(err)
	}
	plan, err := engine.Plan(s)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range plan.Analyses[0].Openings[:1] {
		fmt.Printf("%s: %d numbers, at most %d time(s)\n", o.What, o.Cells, o.MaxTimes)
	}
	// Output:
	// how many rows are used, dropped for missing values and filtered; how many hospitals contribute; how many rows each level has: 6 numbers, at most 1 time(s)
}
