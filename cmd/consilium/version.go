package main

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/secagg"
)

// versions are of the program and what it is made of.
type versions struct {
	Consilium string            `json:"consilium"`
	Go        string            `json:"go"`
	Platform  string            `json:"platform"`
	Suite     string            `json:"suite"`
	Source    map[string]string `json:"source,omitempty"`
	Libraries []library         `json:"libraries"`
}

type library struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the toolchain, the cryptographic suite and the libraries",
		Example: "  consilium version\n  consilium version --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := versions{Consilium: engine.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Suite: secagg.Suite,
				Source: map[string]string{}, Libraries: []library{}}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if slices.Contains([]string{"vcs.revision", "vcs.time", "vcs.modified"}, s.Key) {
						v.Source[s.Key] = s.Value
					}
				}
				for _, d := range info.Deps {
					v.Libraries = append(v.Libraries, library{d.Path, d.Version})
				}
			}
			w := c.OutOrStdout()
			if asJSON {
				return writeJSON(w, v)
			}
			fmt.Fprintf(w, "consilium %s\n%s %s\nsuite %s\n", v.Consilium, v.Go, v.Platform, v.Suite)
			for _, key := range slices.Sorted(maps.Keys(v.Source)) {
				fmt.Fprintf(w, "%s %s\n", key, v.Source[key])
			}
			for _, l := range v.Libraries {
				fmt.Fprintf(w, "%s %s\n", l.Path, l.Version)
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON, "print it as JSON")
	return c
}
