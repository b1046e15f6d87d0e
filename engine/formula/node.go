package formula

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// op is what a node of the parsed formula does.
type op uint8

const (
	opName   op = iota
	opDot       // every variable but the outcome
	opNumber    // in a formula 0 or 1: the intercept
	opText      // only as factor's ref
	opParen
	opCall  // name(args): a transformation
	opMinus // unary
	opPlus  // unary
	opAdd
	opSub
	opMul // crossing in a formula, product in arithmetic
	opDiv // arithmetic only
	opInteract
	opPow
)

// node is a part of a formula or of the arithmetic inside a call.
type node struct {
	op   op
	col  int
	name string  // opName, opCall, opText
	num  float64 // opNumber
	lit  string  // opNumber as written
	args []*node
}

// String writes the node as R's deparse does: that is how terms and columns are named.
func (n *node) String() string {
	switch n.op {
	case opName:
		return quoteName(n.name)
	case opDot:
		return "."
	case opNumber:
		return deparseNumber(n.num)
	case opText:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(n.name) + `"`
	case opParen:
		return "(" + n.args[0].String() + ")"
	case opCall:
		s := n.name + "(" + n.args[0].String()
		if len(n.args) > 1 {
			s += ", ref = " + n.args[1].String()
		}
		return s + ")"
	case opMinus:
		return "-" + n.args[0].String()
	case opPlus:
		return "+" + n.args[0].String()
	}
	between := map[op]string{opAdd: " + ", opSub: " - ", opMul: " * ", opDiv: "/", opInteract: ":", opPow: "^"}[n.op]
	return n.args[0].String() + between + n.args[1].String()
}

// names calls f with every variable name below n, in reading order.
func (n *node) names(f func(*node)) {
	if n.op == opName {
		f(n)
	}
	for _, a := range n.args {
		a.names(f)
	}
}

// reserved reports whether R reads the word as something else than a name.
func reserved(s string) bool {
	switch s {
	case "if", "else", "repeat", "while", "function", "for", "next", "break", "TRUE", "FALSE", "NULL", "Inf", "NaN",
		"NA", "NA_integer_", "NA_real_", "NA_character_", "NA_complex_", "in", "...":
		return true
	}
	return false
}

// quoteName puts a name in backticks where R's deparse does.
func quoteName(s string) string {
	plain := s != "" && !reserved(s)
	for i, c := range s {
		switch {
		case unicode.IsLetter(c) || c == '.':
		case i > 0 && (unicode.IsDigit(c) || c == '_' || unicode.IsMark(c)):
			plain = plain && !(i == 1 && s[0] == '.' && unicode.IsDigit(c))
		default:
			plain = false
		}
	}
	if plain {
		return s
	}
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

// deparseNumber writes x with at most 15 significant digits, in scientific
// notation where that is shorter, as R's deparse.
func deparseNumber(x float64) string {
	if x == 0 || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', 14, 64), "e")
	mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	e, _ := strconv.Atoi(exponent)
	digits := len(strings.Replace(mantissa, ".", "", 1))
	right := max(0, digits-e-1)
	fixed := strconv.FormatFloat(x, 'f', right, 64)
	if e >= 15 { // R prints zeros beyond its 15 digits, which always loses to the scientific form
		return mantissa + "e" + exponent
	}
	if s := mantissa + "e" + exponent; len(s) < len(fixed) {
		return s
	}
	return fixed
}
