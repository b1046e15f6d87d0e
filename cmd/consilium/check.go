package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/report"
	"github.com/consilium-health/consilium/engine/study"
	"github.com/consilium-health/consilium/engine/table"
)

type checkFlags struct {
	site string
	json bool
}

func newCheck() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check STUDY.yaml [FILE.csv]",
		Short: "Test a hospital's file against a study's dictionary",
		Long: `Check reads the records of one site, or of every site of the study, and says
what each column holds and where the file does not conform: file, line, column
and rule. Its output is about the site's own records and is for that site alone.
Nothing is sent. Status 0: everything conforms; 4: something does not.`,
		Example: "  consilium check testdata/cgd/study.yaml\n  consilium check study.yaml --site zurich export.csv",
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(c *cobra.Command, args []string) error { return checkStudy(c, args, f) },
	}
	c.Flags().StringVarP(&f.site, "site", "s", "", "check this site alone")
	c.Flags().BoolVar(&f.json, "json", false, "print what was found as JSON")
	return c
}

func checkStudy(c *cobra.Command, args []string, f checkFlags) error {
	s, _, err := readStudy(args[0])
	if err != nil {
		return err
	}
	chosen, err := chosenSites(s, f.site)
	if err != nil {
		return err
	}
	dir := s.Dir
	if len(args) == 2 {
		if len(chosen) != 1 {
			return fmt.Errorf("a file is of one site: say which with --site, one of %s", strings.Join(siteNames(s), ", "))
		}
		chosen[0].Source.CSV, dir = args[1], "."
	}
	var found []*table.Conformance
	var wrong []string
	for _, site := range chosen {
		if err := c.Context().Err(); err != nil {
			return err
		}
		_, conformance, err := table.OpenCSV(dir, site.Source, s.Schema, string(site.ID), s.Privacy.MaxRows)
		if invalid := (*table.Invalid)(nil); err != nil && !errors.As(err, &invalid) {
			return &status{exitFailure, err}
		}
		found = append(found, conformance)
		if err != nil {
			wrong = append(wrong, string(site.ID))
		}
	}
	return checked(c, s, found, wrong, f)
}

// checked prints what was found; sites that do not conform are an error.
func checked(c *cobra.Command, s *study.Spec, found []*table.Conformance, wrong []string, f checkFlags) error {
	var err error
	if f.json {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		err = e.Encode(found)
	} else {
		err = report.WriteConformance(c.OutOrStdout(), s, found)
	}
	if err != nil {
		return &status{exitFailure, err}
	}
	if wrong != nil {
		if len(found) == 1 {
			return &status{exitConformance, fmt.Errorf("the file does not conform: %s", wrong[0])}
		}
		does := "do"
		if len(wrong) == 1 {
			does = "does"
		}
		return &status{exitConformance, fmt.Errorf("%d of %d files %s not conform: %s", len(wrong), len(found), does, strings.Join(wrong, ", "))}
	}
	return nil
}

// chosenSites is the named site, or all.
func chosenSites(s *study.Spec, name string) ([]study.Site, error) {
	if name == "" {
		return slices.Clone(s.Sites), nil
	}
	for _, site := range s.Sites {
		if string(site.ID) == name {
			return []study.Site{site}, nil
		}
	}
	return nil, fmt.Errorf("study %s has no site %q; %s", s.Name, name, table.Hint(name, siteNames(s)))
}

func siteNames(s *study.Spec) []string {
	var names []string
	for _, site := range s.Sites {
		names = append(names, string(site.ID))
	}
	return names
}
