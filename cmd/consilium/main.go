// Command consilium runs joint statistics over the records of several
// hospitals: run computes a study, plan says beforehand what it would open,
// check tests a hospital's file against it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

// run executes the command line; Ctrl-C cancels it, a second one kills the process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
