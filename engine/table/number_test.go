package table

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseNumberReadsDecimalNumbersOnly(t *testing.T) {
	for _, s := range []string{"0", "1", "-1", "+1", "007", "1.5", ".5", "5.", "-.5", "1e3", "1E-3", "1.25e+2", "123456789012345", "0.123456789012345", "1234567890123456", "0.1234567890123456", "4.9e-324", "1.7976931348623157e308", "9007199254740993", "0.000000000000001", "179769313486231570000000000000000000000"} {
		want, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ParseNumber(s); !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", " ", "-", "+", ".", "-.", "e3", "1e", "1e+", "1e3.5", "1,5", "1 000", "1'000", "1_000", "0x10", "0b1", "1p3", "NaN", "nan", "NA", "Inf", "-inf", "infinity", "--1", "+-1", "1-", "1.2.3", "١", "1e999", "-1e999", "1L", "50%", "$5", "1e3e3"} {
		if x, ok := ParseNumber(s); ok {
			t.Errorf("%q is read as %v", s, x)
		}
	}
}

func TestParseNumberHasOneZero(t *testing.T) {
	for _, s := range []string{"-0", "-0.0", "-0e5", "-1e-999", "-.0", "-0.00000000000000000000"} {
		if x, ok := ParseNumber(s); !ok || x != 0 || math.Signbit(x) {
			t.Errorf("%s: got %v (sign bit %v)", s, x, math.Signbit(x))
		}
	}
}

// What ParseNumber reads, strconv reads as the same number.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1", "-0.1", "1e-5", "123456789012345.6", ".5e3", "0x1p-2", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseNumber(s)
		want, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || got != want) {
			t.Errorf("%q: got %v, strconv %v %v", s, got, want, err)
		}
		decimal := strings.Trim(s, "0123456789+-.eE") == ""
		if !ok && err == nil && decimal {
			t.Errorf("%q is refused, strconv reads %v", s, want)
		}
	})
}
