package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/protocols/party"
)

func newRoster() *cobra.Command {
	c := &cobra.Command{
		Use:   "roster",
		Short: "Collect everybody's public keys in one file, with fingerprints to compare",
		Long: `Roster keeps the file of everybody's public keys: those of hospitals' gateways, of
their stewards where they have keys of their own, and of analysts. Every party has
the same file. Nothing else says who is who: before a party trusts the file, it
compares the fingerprint of each key with its owner over the telephone, or that
of the whole file with somebody who has done so.`,
		RunE:    func(*cobra.Command, []string) error { return errors.New("no command; want one of add, remove, show") },
		Args:    cobra.NoArgs,
		Example: "  consilium roster add roster.yaml --hospital basel basel.key.pub\n  consilium roster show roster.yaml",
	}
	c.AddCommand(newRosterAdd(), newRosterRemove(), newRosterShow())
	return c
}

func newRosterAdd() *cobra.Command {
	var hospital, analyst, name, steward string
	var asJSON bool
	c := &cobra.Command{
		Use:   "add ROSTER.yaml KEY.pub",
		Short: "Add a hospital or an analyst; make the file if there is none",
		Example: `  consilium roster add roster.yaml --hospital basel --name "University Hospital Basel" basel.key.pub
  consilium roster add roster.yaml --hospital chur --steward steward.key.pub gateway.key.pub
  consilium roster add roster.yaml --analyst ana ana.key.pub`,
		Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			if (hospital == "") == (analyst == "") {
				return errors.New("say whose key it is: --hospital NAME or --analyst NAME")
			}
			if analyst != "" && (steward != "") {
				return errors.New("--steward is for hospitals")
			}
			key, err := readReader(args[1])
			if err != nil {
				return err
			}
			e, err := entryOf(name, *key)
			if err != nil {
				return err
			}
			if steward != "" {
				k, err := readReader(steward)
				if err != nil {
					return err
				}
				s, err := entryOf("", *k)
				if err != nil {
					return err
				}
				e.Steward = &stewardKey{s.Fingerprint, s.Key}
			}
			err = changeRoster(args[0], true, func(f *rosterFile) error {
				id := party.ID(hospital + analyst)
				if f.Hospitals[id] != nil || f.Analysts[id] != nil {
					return fmt.Errorf("roster %s has %q already; to replace its key: consilium roster remove, and tell everybody", args[0], id)
				}
				if hospital != "" {
					f.Hospitals[id] = e
				} else {
					f.Analysts[id] = e
				}
				return nil
			})
			if err != nil {
				return err
			}
			lines := linesOf(roleAnalyst, party.ID(analyst), e)
			if hospital != "" {
				lines = linesOf("hospital", party.ID(hospital), e)
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), lines)
			}
			if err := writeLines(c.OutOrStdout(), lines, ""); err != nil {
				return err
			}
			return said(c, false, nil, "compare with the owner over the telephone")
		},
	}
	c.Flags().StringVar(&hospital, "hospital", "", "name of a hospital, as study files have it")
	c.Flags().StringVar(&analyst, "analyst", "", "name of an analyst")
	c.Flags().StringVar(&name, "name", "", "the name that people know")
	jsonFlag(c, &asJSON, "print what was added as JSON")
	c.Flags().StringVar(&steward, "steward", "", "public key that signs the hospital's decisions (default: the gateway's)")
	return c
}

func newRosterRemove() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "remove ROSTER.yaml NAME",
		Short:   "Take a hospital or an analyst out",
		Example: "  consilium roster remove roster.yaml basel",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			var lines []rosterLine
			err := changeRoster(args[0], false, func(f *rosterFile) error {
				id := party.ID(args[1])
				if f.Hospitals[id] == nil && f.Analysts[id] == nil {
					return fmt.Errorf("roster %s has no %q", args[0], id)
				}
				if e := f.Hospitals[id]; e != nil {
					lines = linesOf("hospital", id, e)
				} else {
					lines = linesOf(roleAnalyst, id, f.Analysts[id])
				}
				delete(f.Hospitals, id)
				delete(f.Analysts, id)
				return nil
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), lines)
			}
			return said(c, false, nil, "%s is out of %s; every party needs the new file", args[1], args[0])
		},
	}
	jsonFlag(c, &asJSON, "print what was taken out as JSON")
	return c
}

// changeRoster changes a roster file as a whole or not at all.
func changeRoster(path string, create bool, change func(*rosterFile) error) error {
	f, _, err := readRoster(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		f, err = &rosterFile{}, nil
	}
	if err != nil {
		return err
	}
	if f.Hospitals == nil {
		f.Hospitals = map[party.ID]*rosterEntry{}
	}
	if f.Analysts == nil {
		f.Analysts = map[party.ID]*rosterEntry{}
	}
	if err := change(f); err != nil {
		return err
	}
	if _, err := f.pins(); err != nil {
		return fmt.Errorf("roster %s: %w", path, err)
	}
	text, err := f.encode()
	if err != nil {
		return err
	}
	if err := replaceFile(path, text); err != nil {
		return &status{exitFailure, err}
	}
	return nil
}

// replaceFile puts a file in the place of another at once.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// rosterLine is a party of a roster as show prints it.
type rosterLine struct {
	Role        string   `json:"role"` // hospital, steward or analyst
	ID          party.ID `json:"id"`
	Name        string   `json:"name,omitempty"`
	Fingerprint string   `json:"fingerprint"`
}

// linesOf are those of a hospital or an analyst.
func linesOf(role string, id party.ID, e *rosterEntry) []rosterLine {
	lines := []rosterLine{{role, id, e.Name, e.Fingerprint}}
	if e.Steward != nil {
		lines = append(lines, rosterLine{"steward", id, "", e.Steward.Fingerprint})
	}
	return lines
}

// writeLines prints fingerprints in columns, and that of the whole if there is one.
func writeLines(out io.Writer, lines []rosterLine, whole string) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Fingerprint, l.Role, l.ID, l.Name)
	}
	if whole != "" {
		fmt.Fprintf(w, "%s\tthe whole roster\t\t\n", whole)
	}
	err := w.Flush()
	for line := range strings.Lines(b.String()) {
		if err == nil {
			_, err = fmt.Fprintln(out, strings.TrimRight(line, " \n"))
		}
	}
	return err
}

func newRosterShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show ROSTER.yaml",
		Short:   "Print every fingerprint, and that of the whole, to be compared over the telephone",
		Example: "  consilium roster show roster.yaml",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, p, err := readRoster(args[0])
			if err != nil {
				return err
			}
			var lines []rosterLine
			for _, id := range slices.Sorted(maps.Keys(f.Hospitals)) {
				lines = append(lines, linesOf("hospital", id, f.Hospitals[id])...)
			}
			for _, id := range slices.Sorted(maps.Keys(f.Analysts)) {
				lines = append(lines, linesOf(roleAnalyst, id, f.Analysts[id])...)
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), map[string]any{"parties": lines, "fingerprint": p.fingerprint()})
			}
			return writeLines(c.OutOrStdout(), lines, p.fingerprint())
		},
	}
	jsonFlag(c, &asJSON, "print it as JSON")
	return c
}
