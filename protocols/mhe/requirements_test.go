package mhe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// What an encrypted session must hold, and the tests that would fail if it did
// not. What needs no test here because it cannot be said is named too: there is no product
// of an encryption with a plaintext, so none has to be made unlinkable.
var requirements = map[string][]string{
	"no bytes of a peer reach the library's own decoders":                 {"TestForbiddenCallsAreAbsent", "FuzzUnpack"},
	"shapes come from the session, residues are below their primes":       {"TestMalformedSharesAreRefused", "TestTamperedStepsEndWithoutAKey"},
	"a panic burns its session and nothing else":                          {"TestAPanicEndsTheSession"},
	"any changed bit is noticed; whose it was is said where it can be":    {"TestAnyChangedBitEndsTheAttempt", "TestClaimsCatchEveryChange"},
	"log QP within the quantum cap, dense ternary keys, errors of 3.2":    {"TestStandardParametersMeetTheQuantumCap", "TestParametersBeyondTheBarAreRefused", "TestCapsAreThoseOfTheQuantumColumn"},
	"the coin is everybody's: committed before it is seen":                {"TestCoinDependsOnEverything", "TestTamperedStepsEndWithoutAKey", "TestShareOtherThanVowedIsNamed"},
	"each object has a random polynomial of its own, in each session":     {"TestEveryObjectHasItsOwnRandomPolynomial"},
	"shares are vowed before any is seen; another one is named":           {"TestShareOtherThanVowedIsNamed"},
	"no share is made of an aggregate that is not the sum of the signed":  {"TestChosenCiphertextYieldsNoKey", "TestFalseClaimIsNamedByTheHub", "TestSwappedAggregateEndsTheAttempt"},
	"only what the member computed itself is decrypted, and once":         {"TestOnlyOwnProductsAreRefreshed", "TestDifferentCiphertextsAreFoundBeforeAnyShare", "TestChosenCiphertextYieldsNoKey"},
	"one share for each step, the same bytes for ever, journalled first":  {"TestOneSharePerStepForEver", "TestNoWayBackIntoASessionAfterAKill", "TestNothingLeavesUnjournalled"},
	"any end of the attempt burns the key, and no attempt has two":        {"TestTamperedStepsEndWithoutAKey", "TestLateMemberIsNamed", "TestMemberThatClosesInTheMiddleEndsItForAll", "TestNoWayBackIntoASessionAfterAKill"},
	"noise fills the integers: no repetition, no support to strip, exact": {"TestGaussianNoiseFillsTheIntegers", "TestStrippingRecoversNoMoreThanChance", "TestGaussianHasItsExactProbabilities", "TestGaussianHasItsShapeAtEverySize", "TestGaussianDrawsAtEveryPower"},
	"masks are uniform integers on every coefficient, one for all primes": {"TestMasksCoverEveryCoefficient", "TestMasksAreUniformSignedIntegers", "TestResiduesAreThoseOfOneNumber"},
	"opened noise hides the error: two worlds, and without noise it does": {"TestOpeningNoiseHidesTheError"},
	"noise is sized from a worst case, which measured errors stay below":  {"TestNoiseIsSizedFromTheRegistry", "TestMeasuredErrorsStayBelowTheBound", "TestErrorsOfOneCiphertextAddUp"},
	"openings are registered and counted, each value is opened once":      {"TestOpeningsAreCounted", "TestOpeningsAreCountedByCircuit", "TestRegistryRefusesWhatItCannotCover", "TestAnotherRegistryIsNoticedAtOnce"},
	"masks of all members do not wrap":                                    {"TestParametersBeyondTheBarAreRefused", "TestStandardParametersMeetTheQuantumCap"},
	"sessions share nothing of the library that is written to":            {"TestSessionsRunSideBySide"},
	"keys that do not fit each other are found before a result is":        {"TestKeysAreHealthy", "TestWrongKeysAreFoundInTheFirstRefresh", "TestUnhealthyRelinearisationKeyIsFoundInTheFirstRefresh"},
	"levels and scales are the session's, never read from a message":      {"TestStandardParametersWork", "TestLinearOperationsAreExact"},
	"secrets print as their names":                                        {"TestSecretsPrintAsTheirNames"},
}

func TestEveryRequirementHasItsTests(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				there[fn.Name.Name] = true
			}
		}
	}
	for what, tests := range requirements {
		for _, name := range tests {
			if !there[name] {
				t.Errorf("%s: there is no %s", what, name)
			}
		}
	}
}
