//go:build !long

package engine_test

// How many sessions, and studies of living services, one after the other.
const (
	soakSessions = 20
	soakStudies  = 5
)
