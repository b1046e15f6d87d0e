package report

import (
	"regexp"
	"slices"
	"strings"
)

// sentence is what an analysis says in words of its own, with places for names and numbers.
type sentence struct {
	begin   string // before the first place
	pattern *regexp.Regexp
	word    word
}

var placeOf = regexp.MustCompile(`\\\{(\d)\\\}`)

// sentences are the terms of the group said, those with more words of their own first.
func (d dictionary) sentences() (out []sentence) {
	for key, w := range d {
		if strings.HasPrefix(key, "said.") {
			begin, _, _ := strings.Cut(w.En, "{")
			out = append(out, sentence{begin: begin, word: w})
		}
	}
	slices.SortFunc(out, func(a, b sentence) int {
		if n := len(b.word.En) - len(a.word.En); n != 0 {
			return n
		}
		return strings.Compare(a.word.En, b.word.En)
	})
	return out
}

// said is a sentence of the program's own in both languages: as it stands in
// English, and in Chinese put together from the terms that it consists of. One that has
// none stays as it is.
func (p *page) said(s string) word {
	s = clean(s)
	if p.spoken == nil {
		p.spoken, p.heard = p.words.sentences(), map[string]string{}
	}
	zh, ok := p.heard[s]
	if !ok {
		zh = p.translated(s, partsWithin)
		p.heard[s] = zh
	}
	return word{s, zh}
}

// The parts that a sentence is taken apart into, at most; the study's names in it may look like marks between them.
const (
	partsWithin  = 2 // levels of parts of parts
	marksTried   = 4
	longSentence = 2000 // bytes
)

// translated is s in Chinese, or s; parts says how often it may be taken apart.
func (p *page) translated(s string, parts int) string {
	if len(s) > longSentence {
		return s
	}
	for i := range p.spoken {
		t := &p.spoken[i]
		if !strings.HasPrefix(s, t.begin) {
			continue
		}
		if t.pattern == nil { // a page needs few of them
			t.pattern = regexp.MustCompile("^" + placeOf.ReplaceAllString(regexp.QuoteMeta(t.word.En), "(?P<p$1>.+?)") + "$")
		}
		m := t.pattern.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		var places []string
		for i, name := range t.pattern.SubexpNames() {
			if name != "" {
				places = append(places, "{"+name[1:]+"}", m[i])
			}
		}
		return strings.NewReplacer(places...).Replace(t.word.Zh) // one pass: a name is never taken for a place
	}
	if parts == 0 {
		return s
	}
	// Two sentences, one after the other, or a remark behind the name of what it is about.
	for _, mark := range [][2]string{{". ", "。"}, {"; ", "；"}, {": ", "："}} {
		from := 0
		for range marksTried {
			i := strings.Index(s[from:], mark[0])
			if i < 0 {
				break
			}
			before, after := s[:from+i], s[from+i+len(mark[0]):]
			if second := p.translated(after, parts-1); second != after {
				if first := p.translated(before, parts-1); first != before || mark[0] == ": " {
					return first + mark[1] + second
				}
			}
			from += i + len(mark[0])
		}
	}
	return s
}
