//go:build !long

package main

const chaosDefault = 20

var longScripts []script
