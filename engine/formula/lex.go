package formula

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLength is the longest formula, in characters.
const MaxLength = 10000

type tokenKind uint8

const (
	endToken    tokenKind = iota
	nameToken             // age, `my age`, . (the dot has text ".")
	numberToken           // 1, 0.5, 1e-3
	textToken             // "b"
	symbolToken           // ~ + - * / : ^ ( ) , =
)

type token struct {
	kind   tokenKind
	text   string // of a name and a text without its quotes
	col    int    // 1 is the first character
	quoted bool   // a name in backticks: never a function, a dot or a reserved word
}

// is reports whether the token is that symbol.
func (t token) is(s string) bool { return t.kind == symbolToken && t.text == s }

func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end"
	case textToken:
		return fmt.Sprintf("the text %q", t.text)
	}
	return fmt.Sprintf("%q", t.text)
}

// complain makes an error of the syntax at a column.
func complain(col int, format string, args ...any) error {
	return fmt.Errorf("formula: column %d: %s", col, fmt.Sprintf(format, args...))
}

// lex cuts a formula into tokens; the last one has kind end.
func lex(src string) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, fmt.Errorf("formula: not valid UTF-8")
	}
	r := []rune(src)
	if len(r) > MaxLength {
		return nil, fmt.Errorf("formula: %d characters, at most %d", len(r), MaxLength)
	}
	var out []token
	for i := 0; i < len(r); {
		c, start := r[i], i
		switch {
		case unicode.IsSpace(c):
			i++
		case unicode.IsDigit(c) || c == '.' && i+1 < len(r) && isDigit(r[i+1]):
			n, err := lexNumber(r, i)
			if err != nil {
				return nil, err
			}
			i = n
			out = append(out, token{kind: numberToken, text: string(r[start:i]), col: start + 1})
		case unicode.IsLetter(c) || c == '.':
			for i < len(r) && (unicode.IsLetter(r[i]) || unicode.IsDigit(r[i]) || unicode.IsMark(r[i]) || r[i] == '.' || r[i] == '_') {
				i++
			}
			out = append(out, token{kind: nameToken, text: string(r[start:i]), col: start + 1})
		case c == '`' || c == '"' || c == '\'':
			s, n, err := lexQuoted(r, i)
			if err != nil {
				return nil, err
			}
			i = n
			k := textToken
			if c == '`' {
				k = nameToken
			}
			out = append(out, token{kind: k, text: s, col: start + 1, quoted: true})
		case c == '*' && i+1 < len(r) && r[i+1] == '*': // R reads ** as ^
			i += 2
			out = append(out, token{kind: symbolToken, text: "^", col: start + 1})
		case strings.ContainsRune("~+-*/:^(),=", c):
			i++
			out = append(out, token{kind: symbolToken, text: string(c), col: start + 1})
		case c == '%':
			return nil, complain(start+1, "%%in%% and other %%operators%% are not part of a formula here; write interactions with ':'")
		case c == '_':
			return nil, complain(start+1, "a name begins with a letter; write other names in backticks: `_x`")
		default:
			return nil, complain(start+1, "unexpected %q; a formula has names, numbers and ~ + - * : ^ ( )", string(c))
		}
	}
	return append(out, token{kind: endToken, col: len(r) + 1}), nil
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }

// lexNumber returns the place after the decimal number that begins at i.
func lexNumber(r []rune, i int) (int, error) {
	start := i
	digits := func() {
		for i < len(r) && isDigit(r[i]) {
			i++
		}
	}
	digits()
	if i < len(r) && r[i] == '.' {
		i++
		digits()
	}
	if i < len(r) && (r[i] == 'e' || r[i] == 'E') {
		i++
		if i < len(r) && (r[i] == '+' || r[i] == '-') {
			i++
		}
		if i == len(r) || !isDigit(r[i]) {
			return 0, complain(start+1, "a number with an exponent has digits after e, as 1e-3")
		}
		digits()
	}
	if i < len(r) && (unicode.IsLetter(r[i]) || unicode.IsDigit(r[i]) || r[i] == '_' || r[i] == '.') {
		return 0, complain(start+1, "a number is written in decimal digits; a name begins with a letter (write others in backticks)")
	}
	return i, nil
}

// lexQuoted reads a name in backticks or a text in quotes; \ escapes the quote and itself.
func lexQuoted(r []rune, i int) (string, int, error) {
	start, quote := i, r[i]
	var b strings.Builder
	for i++; i < len(r); i++ {
		switch c := r[i]; {
		case c == quote:
			if b.Len() == 0 {
				return "", 0, complain(start+1, "nothing between the quotes")
			}
			return b.String(), i + 1, nil
		case c == '\\':
			if i++; i == len(r) || r[i] != quote && r[i] != '\\' {
				return "", 0, complain(i, "after \\ comes the quote or another \\")
			}
			b.WriteRune(r[i])
		case unicode.IsControl(c):
			return "", 0, complain(i+1, "a control character in a name")
		default:
			b.WriteRune(c)
		}
	}
	return "", 0, complain(start+1, "the quote %c is not closed", quote)
}
