package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/store"
)

// jsonRule is what --json means everywhere; help and manual pages say it.
const jsonRule = `With --json a command prints data on standard output and nothing else there: one
object for one thing, an array (empty if there is nothing) for a list; one object
a line where a command goes on telling, as watch, audit print and audit export do.
Keys are written like_this, times in UTC as 2027-03-31T14:05:06Z, digests as
sha256: and 64 hexadecimal digits; what does not apply is left out. Keys are added
from version to version, and neither renamed nor removed. Errors and exit statuses
are the same as without it.`

// jsonFlag adds --json to a command.
func jsonFlag(c *cobra.Command, asJSON *bool, what string) {
	c.Flags().BoolVar(asJSON, "json", false, what)
}

// writeJSON prints data for programs.
func writeJSON(w io.Writer, x any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(x); err != nil {
		return &status{exitFailure, err}
	}
	return nil
}

// jsonLine prints one line of JSON.
func jsonLine(w io.Writer, x any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(x)
}

// said prints what a command did: data for programs, or words for people.
func said(c *cobra.Command, asJSON bool, x any, words string, args ...any) error {
	if asJSON {
		return writeJSON(c.OutOrStdout(), x)
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), words+"\n", args...); err != nil {
		return &status{exitFailure, err}
	}
	return nil
}

// decision is a store.Decision without its signature and what stands beside it already.
type decision struct {
	Approve  bool      `json:"approve"`
	Made     time.Time `json:"made"`
	Why      string    `json:"why,omitempty"`
	Analyses []string  `json:"analyses,omitempty"`
	Columns  []string  `json:"columns,omitempty"`
	Runs     int       `json:"runs,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
}

func decisionOf(d *store.Decision) *decision {
	if d == nil {
		return nil
	}
	return &decision{d.Approve, d.Made, d.Why, d.Analyses, d.Columns, d.Runs, d.Expires}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// runs says how many.
func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// numbers says how many.
func numbers(n int) string {
	if n == 1 {
		return "1 number"
	}
	return fmt.Sprintf("%d numbers", n)
}
