package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine"
	"github.com/consilium-health/consilium/protocols/secagg"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the toolchain, the cryptographic suite and the libraries",
		Example: "  consilium version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w := c.OutOrStdout()
			fmt.Fprintf(w, "consilium %s\n%s %s/%s\n", engine.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(w, "suite %s\n", secagg.Suite)
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			for _, s := range info.Settings {
				if slices.Contains([]string{"vcs.revision", "vcs.time", "vcs.modified"}, s.Key) {
					fmt.Fprintf(w, "%s %s\n", s.Key, s.Value)
				}
			}
			for _, d := range info.Deps {
				fmt.Fprintf(w, "%s %s\n", d.Path, d.Version)
			}
			return nil
		},
	}
}
