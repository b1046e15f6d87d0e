package table

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	end    tokenKind = iota
	name             // text is the name; quoted says it stood in backticks
	number           // text is a decimal number without R's suffix L
	text             // text is the content
	symbol           // text is the operator or bracket
)

type token struct {
	kind   tokenKind
	pos    int // characters from 1
	text   string
	quoted bool
}

// symbols, longest first. Some are only there to be refused with a hint.
var symbols = [...]string{"%in%", "<-", "&&", "||", "==", "!=", "<=", ">=", "<", ">", "=", "&", "|", "!", "(", ")", ",", "-", "+", "*", "/", "^", ":", "~", "$", "[", "]"}

// lex splits a condition into tokens, the last of kind end.
func lex(src string) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, &ConditionError{1, "the condition is not UTF-8"}
	}
	var tokens []token
	pos := 1
	for rest := src; ; {
		trimmed := strings.TrimLeftFunc(rest, unicode.IsSpace)
		pos += utf8.RuneCountInString(rest[:len(rest)-len(trimmed)])
		rest = trimmed
		if rest == "" {
			return append(tokens, token{kind: end, pos: pos}), nil
		}
		t, n, err := scan(rest, pos)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		pos += utf8.RuneCountInString(rest[:n])
		rest = rest[n:]
	}
}

// scan reads the token at the start of s and says how many bytes it took.
func scan(s string, pos int) (token, int, error) {
	r, _ := utf8.DecodeRuneInString(s)
	switch {
	case r == '"' || r == '\'':
		return scanText(s, pos)
	case r == '`':
		n := strings.IndexByte(s[1:], '`')
		if n < 0 {
			return token{}, 0, &ConditionError{pos, "a backtick is not closed"}
		}
		return token{name, pos, s[1 : 1+n], true}, n + 2, nil
	case unicode.IsLetter(r):
		n := strings.IndexFunc(s, func(r rune) bool { return !nameRune(r) })
		if n < 0 {
			n = len(s)
		}
		return token{kind: name, pos: pos, text: s[:n]}, n, nil
	case r >= '0' && r <= '9' || r == '.':
		return scanNumber(s, pos)
	}
	for _, y := range symbols {
		if strings.HasPrefix(s, y) {
			return token{kind: symbol, pos: pos, text: y}, len(y), nil
		}
	}
	if r == '%' {
		return token{}, 0, &ConditionError{pos, "unknown operator; of R's %...% only %in% is allowed"}
	}
	return token{}, 0, &ConditionError{pos, fmt.Sprintf("unexpected %q", r)}
}

func nameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.'
}

// reserved are words of R that a condition reads as such.
func reserved(s string) bool {
	switch s {
	case "TRUE", "FALSE", "NA", "NULL", "Inf", "NaN":
		return true
	}
	return false
}

// scanText reads a quoted text with the escapes \\ \" \' \n \t.
func scanText(s string, pos int) (token, int, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case s[0]:
			return token{kind: text, pos: pos, text: b.String()}, i + 1, nil
		case '\\':
			i++
			if i == len(s) {
				break
			}
			k := strings.IndexByte(`\"'nt`, s[i])
			if k < 0 {
				return token{}, 0, &ConditionError{pos, `unknown escape in a quoted text; allowed are \\ \" \' \n \t`}
			}
			b.WriteByte("\\\"'\n\t"[k])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, &ConditionError{pos, "a quoted text is not closed"}
}

// scanNumber reads a decimal number, R's suffix L allowed.
func scanNumber(s string, pos int) (token, int, error) {
	n := numberPrefix(s)
	if n == 0 {
		return token{}, 0, &ConditionError{pos, "a name that does not begin with a letter is written in backticks"}
	}
	t := token{kind: number, pos: pos, text: s[:n]}
	if n < len(s) && s[n] == 'L' {
		n++
	}
	if r, _ := utf8.DecodeRuneInString(s[n:]); n < len(s) && nameRune(r) {
		return token{}, 0, &ConditionError{pos, "this is neither a number nor a name; write a level in quotes and an unusual name in backticks"}
	}
	return t, n, nil
}
