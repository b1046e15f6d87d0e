package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/consilium-health/consilium/engine/study"
)

// completionWait is how long a shell waits for names of runs.
const completionWait = 2 * time.Second

// completeRuns has the shell offer the runs that this party knows, for the
// argument RUN. Whatever goes wrong on the way offers nothing: the command
// itself will say it.
func completeRuns(c *cobra.Command) {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []cobra.Completion
		for _, k := range knownRuns(c) {
			offers = append(offers, cobra.CompletionWithDesc(shortRun(k.run), k.study+", "+k.stage))
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeAnalyses has the shell offer a study's analyses and columns for the scope of an approval.
func completeAnalyses(c *cobra.Command) {
	for flag, of := range map[string]func(asked) []string{"analyses": asked.analyses, "columns": func(a asked) []string { return a.Columns }} {
		err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			path, err := c.Flags().GetString("config")
			if err != nil || len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			s, err := stewardOf(path)
			var a asked
			if err != nil || s.ask(context.Background(), "GET", studyPath(args[0], ""), nil, &a) != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return of(a), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flags are defined by the caller
		}
	}
}

// analyses are the names of a study's analyses.
func (a asked) analyses() (ids []string) {
	s, err := study.Parse(a.Study+".yaml", []byte(a.File))
	if err != nil {
		return nil
	}
	for _, one := range s.Analyses {
		ids = append(ids, one.ID)
	}
	return ids
}

// completable is a run as a shell offers it.
type completable struct{ run, study, stage string }

func knownRuns(c *cobra.Command) (all []completable) {
	path, err := c.Flags().GetString("config")
	if err != nil {
		return nil
	}
	cfg, err := readConfig(path, roleGateway, roleAnalyst)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionWait)
	defer cancel()
	if cfg.Role == roleGateway {
		var asks []asked
		if newSteward(cfg).ask(ctx, "GET", "/studies", nil, &asks) != nil {
			return nil
		}
		for _, a := range asks {
			all = append(all, completable{a.Run, a.Study, a.Stage})
		}
		return all
	}
	a, end, err := connectAnalyst(ctx, cfg, nil) // a shell does not ask for a passphrase
	if err != nil {
		return nil
	}
	defer end()
	studies, err := a.Studies(ctx)
	if err != nil {
		return nil
	}
	for _, s := range studies {
		all = append(all, completable{s.Run.String(), s.Study, toldOf(s.Hub).Stage})
	}
	return all
}
