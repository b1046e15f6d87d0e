package runner

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Group is the goroutines of a service. All have ended when Wait returns. The
// zero value is empty.
type Group struct{ all sync.WaitGroup }

// Go runs f in a goroutine. A panic in it becomes the error that ended is given
// (its type only, since its text might quote a record); ended may be nil.
func (g *Group) Go(f func() error, ended func(error)) {
	g.all.Add(1)
	go func() {
		defer g.all.Done()
		err := Guard(f)
		if ended != nil {
			ended(err)
		}
	}()
}

// Wait waits for all of them.
func (g *Group) Wait() { g.all.Wait() }

// Guard calls f and makes an error of a panic.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("runner: internal fault (%T): the task is over", p)
		}
	}()
	return f()
}

// Pause waits for d, or until ctx ends. It goes by a clock that nobody sets.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
