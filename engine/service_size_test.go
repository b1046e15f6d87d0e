//go:build !long

package engine_test

// killStride is how many messages lie between two deaths of a party.
const killStride = 4
