package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// requirement is what the whole program must hold, and the tests that would
// fail if it did not: functions as package.Name, stories as the file's path.
// Where nothing can break it, absent says why there is no test.
type requirement struct {
	number int
	what   string
	tests  string
	absent string
}

var requirements = []requirement{
	{1, "no bytes of a peer reach the library's own decoders", "mhe.TestForbiddenCallsAreAbsent mhe.FuzzUnpack", ""},
	{2, "every message has a largest size before its body is read", "wire.TestTooLongIsRefusedBeforeTheBodyIsRead wire.TestLimitsFitTheLargestMessageOfEveryType transport.TestAnAnnouncedSizeTakesNoMemory", ""},
	{3, "one encoding of a message, nothing behind it, any changed bit is noticed", "wire.TestDecodeAcceptsOneSpellingOnly wire.TestLargeFieldsHaveOneSpellingToo secagg.TestEveryChangedBitIsHarmless mhe.TestAnyChangedBitEndsTheAttempt wire.FuzzDecode", ""},
	{4, "shapes come from the plan and the roster", "wire.TestShapesComeFromTheRoster mhe.TestMalformedSharesAreRefused", ""},
	{5, "a panic burns its session and nothing else", "round.TestPanicBurnsItsMachineOnly mhe.TestAPanicEndsTheSession runner.TestAHandlerThatPanicsBurnsItsSessionOnly", ""},
	{6, "one party's flood does not stop another", "main.TestAFloodOfOneHospitalIsBounded transport.TestSendOnALineThatTakesNothing transport.TestJunkOfOnePartyDoesNotReachAnother transport.TestMemoryIsBoundedWhileAReceiverSleeps transport.TestAFloodOfBytesIsCutOff", ""},
	{7, "two signatures over everything, and both must verify", "party.TestBothSignaturesMustVerify round.TestSignatureIsBoundToEverything secagg.TestStrippedAndOldMessagesAreNone protocols/secagg/testdata/hello-signature-mldsa65.txt protocols/secagg/testdata/hello-signature-ed25519.txt", ""},
	{8, "sealed messages open where they belong, under keys that are used once", "party.TestSealedMessageOpensOnlyWhereItBelongs secagg.TestKeyScheduleSeparatesLabelsAndContexts secagg.TestSimulatedWorlds", ""},
	{9, "keys are pinned; another one is found before anything depends on it", "engine.TestHubThatLiesIsFoundAndTheLieIsKept protocols/secagg/testdata/hello-rekeyed.txt protocols/secagg/testdata/hello-roster.txt party.TestRosterDigestBindsEveryField", ""},
	{10, "a hub that tells members different things is found, and both views are kept", "engine.TestHubThatLiesIsFoundAndTheLieIsKept engine.TestFalseProposalsAreKept engine.TestHospitalThatSignsTwiceIsNamed engine.TestAStolenMessageNamesTheThief protocols/secagg/testdata/heads-equivocation.txt protocols/secagg/testdata/heads-equivocation-unlocked.txt mhe.TestDifferentCiphertextsAreFoundBeforeAnyShare main.TestAuditShowsEvidence main.TestChangedEvidenceIsNoticed", ""},
	{11, "a message counts once, in its place", "secagg.TestHostileNetworkOnlyDelays mhe.TestReplaysAreDroppedAndSecondVersionsEndTheSession protocols/secagg/testdata/closed-attempt-replayed.txt protocols/secagg/testdata/future.txt engine.TestHubThatLiesIsFoundAndTheLieIsKept", ""},
	{12, "a clock decides whether and when, never what", "engine.TestClocksChangeWhetherAndNotWhat engine.TestClockThatJumpsBackChangesNothingThatHasBegun engine.TestExpiredApprovalIsNone transport.TestAWrongClockIsNamed", ""},
	{13, "a total is the exact sum, or there is none", "secagg.TestSumIsTheExactTotal secagg.TestEveryMemberIsInTheTotalExactlyOnce secagg.TestCorruptNetworkNeverMakesATotalWrong secagg.TestSimulatedWorlds", ""},
	{14, "masked vectors are uniform", "secagg.TestMaskedVectorsAreUniform secagg.TestUniformityTestsHavePower", ""},
	{15, "masks are fresh for every label", "secagg.TestMasksAreFreshForEveryLabel secagg.TestLabelBindsTranscriptAskStateSequenceAndCells", ""},
	{16, "one unlock of a sum, for one set of heads", "secagg.TestUnlockIsDecidedOnce secagg.TestSimulatedWorlds protocols/secagg/testdata/relabel.txt", ""},
	{17, "an unlock is for the whole roster, which every member has shown to mean the same", "protocols/secagg/testdata/heads-missing.txt protocols/secagg/testdata/heads-repeated.txt protocols/secagg/testdata/heads-swapped.txt", ""},
	{18, "whoever dies at whatever step, a total is right or the attempt ends", "secagg.TestMemberCanDieAtEveryStep secagg.TestSimulatedWorlds engine.TestGatewayDiesAtEveryMessage engine.TestHubDiesAtEveryMessage engine.TestStudyWaitsForAHospitalThatLeftAfterSomethingWasOpened", ""},
	{19, "shares of a secret are checked", "", "masks are not shared out: every member of the roster unlocks its own, or the sum is not opened"},
	{20, "no sum overflows", "fixed.TestTotalsDecodeToWhatWasAdded fixed.TestBeyondTheBoundIsAnErrorNeverAClip secagg.TestSumsAtTheEdgeOfTheRing engine.TestASumThatCannotBeRepresentedIsRefused", ""},
	{21, "encryption parameters within the quantum cap", "mhe.TestStandardParametersMeetTheQuantumCap mhe.TestParametersBeyondTheBarAreRefused", ""},
	{22, "the common random string is everybody's coin", "mhe.TestCoinDependsOnEverything mhe.TestShareOtherThanVowedIsNamed", ""},
	{23, "every object has a random polynomial of its own", "mhe.TestEveryObjectHasItsOwnRandomPolynomial", ""},
	{24, "shares are vowed before any is seen", "mhe.TestShareOtherThanVowedIsNamed", ""},
	{25, "an aggregate is the sum of what was signed", "mhe.TestChosenCiphertextYieldsNoKey mhe.TestSwappedAggregateEndsTheAttempt", ""},
	{26, "only what a member computed itself is decrypted, once", "mhe.TestOnlyOwnProductsAreRefreshed mhe.TestDifferentCiphertextsAreFoundBeforeAnyShare", ""},
	{27, "one share for a step, journalled before it leaves, the same bytes for ever", "mhe.TestOneSharePerStepForEver mhe.TestNothingLeavesUnjournalled secagg.TestNothingLeavesBeforeItIsJournalled store.TestMaskedSumsGoOnFromTheStore store.TestKilledGatewayHasEveryAcknowledgedRecord", ""},
	{28, "an abort burns the key, and no attempt has two", "mhe.TestNoWayBackIntoASessionAfterAKill mhe.TestSilenceBurnsTheKey engine.TestEncryptedStudyOutlivesAGatewayThatDies", ""},
	{29, "noise is drawn exactly", "mhe.TestGaussianNoiseFillsTheIntegers mhe.TestStrippingRecoversNoMoreThanChance mhe.TestResiduesAreThoseOfOneNumber", ""},
	{30, "noise hides what is under it", "mhe.TestOpeningNoiseHidesTheError", ""},
	{31, "noise is sized from a worst case, and openings are counted", "mhe.TestNoiseIsSizedFromTheRegistry mhe.TestOpeningsAreCounted mhe.TestMeasuredErrorsStayBelowTheBound", ""},
	{32, "masks of all members do not wrap", "mhe.TestParametersBeyondTheBarAreRefused", ""},
	{33, "products of ciphertext and plaintext are rerandomised", "", "there are none: what a hospital brings is encrypted before it is multiplied"},
	{34, "sessions share nothing that is written to", "mhe.TestSessionsRunSideBySide", ""},
	{35, "keys that do not fit each other are found before a result", "mhe.TestKeysAreHealthy mhe.TestWrongKeysAreFoundInTheFirstRefresh", ""},
	{36, "levels and scales are the session's", "mhe.TestStandardParametersWork mhe.TestLinearOperationsAreExact", ""},
	{37, "points of a threshold scheme", "", "keys have no threshold: every member takes part in every decryption"},
	{38, "oblivious evaluation of identifiers", "", "records are not linked between hospitals"},
	{39, "sizes of linked sets", "", "records are not linked between hospitals"},
	{40, "no small cell follows from results", "engine.TestNoSmallCellFollowsFromAnAnalysis engine.TestSubtractingTwoResultsShowsNobody engine.TestSmallGroupsHaveNoFigures policy.TestResultsThatDifferByAFewPeopleAreNamed store.TestCohortIsForOneRosterAcrossStudies", ""},
	{41, "noise of differential privacy", "", "no result is noised, and none is said to be"},
	{42, "of a model fitted under encryption only what the plan lists is opened", "engine.TestTranscriptOfEncryptedStudies engine.TestTranscriptOpensOnlyWhatThePlanDeclares blind.TestRootIsThatOfAllRecords", ""},
	{43, "values out of their range are refused at their hospital, and a false mask is named", "table.TestReadCSVNamesLineColumnRuleAndRemedy fixed.TestBeyondTheBoundIsAnErrorNeverAClip mhe.TestInputsBeyondTheirBoundAreRefused protocols/secagg/testdata/reader-masks.txt", ""},
	{44, "acknowledged is durable; damage is noticed; a full disk writes nothing", "store.TestPowerCutLosesNothingThatWasAcknowledged store.TestFlipAnywhereIsNoticedOrHarmless store.TestFullDiskWritesNothingAndLosesNothing store.TestFileCutShortIsNoticed store.TestHalfWrittenRecordIsUndone transport.TestNothingAcknowledgedIsLostWhenTheHubIsKilled", ""},
	{45, "a restart resumes or ends; nothing sent is ever made anew", "secagg.TestSimulatedWorlds secagg.TestMemberCanDieAtEveryStep store.TestMaskedSumsGoOnFromTheStore engine.TestGatewayDiesAtEveryMessage engine.TestHubDiesAtEveryMessage main.TestChaos", ""},
	{46, "a store of yesterday is noticed", "engine.TestStoreOfYesterdayIsRefusedUntilAnOperatorSaysSo engine.TestHubThatMeddlesWithAnswersDoesNotMakeAnOlderStoreGoOn secagg.TestOneMemberLiesAboutWhatItHasSeen store.TestDatabaseOfYesterdayIsNoticedByPeers store.TestDatabaseThatIsGoneIsNotMadeAnew", ""},
	{47, "nothing can be negotiated down", "secagg.TestNothingCanBeNegotiatedDown secagg.TestMembersFindAnotherCharterThemselves secagg.TestStrippedAndOldMessagesAreNone mhe.TestDigestBindsEveryField transport.TestOldTLSIsRefused", ""},
	{48, "no record, key or total in logs, errors, metrics, exports or at the hub", "cmd/consilium/testdata/canary-services.txtar cmd/consilium/testdata/canary.txtar engine.TestNoRecordLeavesItsHospital engine.TestErrorsDoNotShowTheValue secagg.TestNoSecretIsPrinted party.TestIdentityPrintsNoSecret mhe.TestSecretsPrintAsTheirNames store.TestNoKeyIsInAnythingPrinted", ""},
	{49, "two members and a hundred; session after session leaves nothing behind", "secagg.TestSessionsOfTwoAndOfAHundred engine.TestSessionsLeaveNothingBehind engine.TestStudiesLeaveNoGoroutineAndNoFile", ""},
	{50, "what is built is what is pinned", "main.TestATamperedModuleIsNotBuilt main.TestEveryModuleIsPinned main.TestBuildIsReproducible", ""},
}

// TestEveryRequirementHasItsTests holds the table against the repository.
func TestEveryRequirementHasItsTests(t *testing.T) {
	const root = "../.."
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[strings.TrimSuffix(f.Name.Name, "_test")+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range requirements {
		if r.number != i+1 || r.what == "" || (r.tests == "") == (r.absent == "") {
			t.Errorf("requirement %d %q: a number of its own, and either tests or why there are none", r.number, r.what)
		}
		for _, name := range strings.Fields(r.tests) {
			if strings.Contains(name, "/") {
				_, err := os.Stat(filepath.Join(root, name))
				there[name] = err == nil
			}
			if !there[name] {
				t.Errorf("%d, %s: there is no %s", r.number, r.what, name)
			}
		}
	}
}
