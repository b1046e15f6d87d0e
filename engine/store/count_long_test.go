//go:build long

package store_test

const (
	kills  = 200
	cuts   = 200
	stride = 1
)
