package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/engine/study"
)

type openFlags struct {
	key, passphrase string
	json            bool
}

func newOpen() *cobra.Command {
	var f openFlags
	c := &cobra.Command{
		Use:   "open DIR",
		Short: "Open the sealed results of a study that releases to the analyst alone",
		Long: `Open takes the directory that run wrote for a study with release: analyst,
opens its sealed sums with the analyst's secret key, checks every hospital's
signature and the hub's addition, applies the disclosure rules, and completes
the directory with the results.`,
		Example: "  consilium open --key analyst.key cgd-results",
		Args:    exactly(1),
		RunE:    func(c *cobra.Command, args []string) error { return openResults(c, args[0], f) },
	}
	c.Flags().StringVarP(&f.key, "key", "k", "", "the analyst's secret key, made by keys new")
	c.Flags().StringVar(&f.passphrase, "passphrase-file", "", "take the key's passphrase from this file's first line")
	c.Flags().BoolVar(&f.json, "json", false, "print result.json instead of the report")
	if err := c.MarkFlagRequired("key"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

func openResults(c *cobra.Command, dir string, f openFlags) error {
	id, err := readIdentity(c, f.key, f.passphrase)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "sealed.json"))
	if err != nil {
		return fmt.Errorf("%s holds no sealed results: sealed.json: %w", dir, reason(err))
	}
	sealed, err := engine.ParseSealed(b)
	if err != nil {
		return &status{exitFailure, err}
	}
	s, err := study.Parse(filepath.Join(dir, "study.yaml"), []byte(sealed.StudyFile))
	if err != nil {
		return &status{exitUsage, err}
	}
	r, err := engine.Open(s, sealed, id)
	if err != nil {
		return &status{exitFailure, fmt.Errorf("%w; the results open with the key that run --reader named", err)}
	}
	r.Sealed, r.Opened, r.Cost = sealed, true, sealed.Cost // the directory keeps them
	if err := c.Context().Err(); err != nil {
		return err
	}
	if err := r.WriteDir(dir); err != nil {
		return &status{exitFailure, err}
	}
	return show(c, r, f.json)
}
