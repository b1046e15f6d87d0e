//go:build !long

package engine_test

// killStride is how many messages lie between two deaths of a party.
const killStride = 4

// schedules is how many are tried.
const schedules = 40
