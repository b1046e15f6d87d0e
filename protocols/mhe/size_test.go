//go:build !long

package mhe

// How much the slow tests do; -tags long has the full counts.
const (
	birthdayDraws = 1 << 14
	powerStep     = 20
	powerDraws    = 50
	coinSessions  = 1000
	circuits      = 6
	twoWorldDraws = 20000
	changedBits   = 40
)
