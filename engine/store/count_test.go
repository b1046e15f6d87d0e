//go:build !long

package store_test

const (
	kills  = 12
	cuts   = 10
	stride = 211 // bytes of the database from one flipped bit to the next
)
