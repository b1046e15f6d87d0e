//go:build long

package main

import "time"

const (
	floodTime  = 100 * time.Second
	floodSlack = time.Millisecond
)
