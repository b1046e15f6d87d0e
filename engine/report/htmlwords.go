package report

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"
)

// wordsFile holds every term of report.html in both languages.
//
//go:embed html/words.txt
var wordsFile string

// word is a term, or a sentence with its figures filled in, in both languages.
type word struct{ En, Zh string }

// dictionary finds words by their key.
type dictionary map[string]word

// readWords reads lines of "key | English | Chinese"; # begins a comment line.
func readWords(file string) (dictionary, error) {
	d := dictionary{}
	for i, line := range strings.Split(file, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, fmt.Errorf("report: words.txt: line %d: want key | English | Chinese", i+1)
		}
		if _, twice := d[parts[0]]; twice {
			return nil, fmt.Errorf("report: words.txt: line %d: %q stands there already", i+1, parts[0])
		}
		d[parts[0]] = word{parts[1], parts[2]}
	}
	return d, nil
}

// fill puts args, strings and words, in the places {0}, {1}, ...
func (w word) fill(args ...any) word {
	if len(args) == 0 {
		return w
	}
	var en, zh []string
	for i, a := range args {
		place := fmt.Sprintf("{%d}", i)
		one, ok := a.(word)
		if !ok {
			one = same(fmt.Sprint(a))
		}
		en, zh = append(en, place, one.En), append(zh, place, one.Zh)
	}
	// One pass: what an argument says is never taken for a place.
	return word{strings.NewReplacer(en...).Replace(w.En), strings.NewReplacer(zh...).Replace(w.Zh)}
}

// same is text that no language changes: a name, a number.
func same(s string) word { s = clean(s); return word{s, s} }

// Translated reports whether the languages differ.
func (w word) Translated() bool { return w.En != w.Zh }

// clean replaces what would change how the text around it reads: line breaks,
// control characters and the marks that turn the direction of writing.
func clean(s string) string {
	return harmless(strings.NewReplacer("\n", " ", "\t", " ", "\r", " ").Replace(s))
}

// harmless is clean but for line breaks.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0xfffe, r == 0xffff:
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
