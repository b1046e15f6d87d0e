//go:build long

package mhe

const (
	birthdayDraws = 1 << 19
	powerStep     = 1
	powerDraws    = 1000
	coinSessions  = 10000
)
