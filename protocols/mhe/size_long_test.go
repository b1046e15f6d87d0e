//go:build long

package mhe

const (
	birthdayDraws = 1 << 19
	powerStep     = 1
	powerDraws    = 1000
	coinSessions  = 10000
	circuits      = 200
	twoWorldDraws = 1000000
	changedBits   = 1000
)
