//go:build long

package main

const chaosDefault = 200
