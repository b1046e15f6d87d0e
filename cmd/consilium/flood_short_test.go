//go:build !long

package main

import "time"

// So short a time is all burst: the bound is for whoever is far slower than on a quiet machine.
const (
	floodTime  = 3 * time.Second
	floodSlack = 100 * time.Millisecond
)
