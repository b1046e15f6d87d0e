package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// Encodings are the values of a site's key encoding. latin-1 is read as
// Windows-1252, which has letters where ISO 8859-1 has control characters.
func Encodings() []string { return []string{"utf-8", "gb18030", "latin-1", "utf-16"} }

// badText says where bytes are no text.
type badText struct {
	line int
	msg  string
}

func (e *badText) Error() string { return e.msg }

// checkedText hands out UTF-8 and stops at the first byte that does not decode or is NUL.
type checkedText struct {
	src    io.Reader
	from   string // the declared encoding when src is its decoder, which writes U+FFFD for bytes that do not decode; else empty
	buf    []byte // read from src
	at, ok int    // buf[at:ok] is checked and not yet handed out, buf[ok:] is not checked
	line   int    // of buf[ok]
	eof    bool
	err    *badText
}

// replacement is what decoders write for bytes that do not decode.
var replacement = []byte("\ufffd")

// decoded returns the text of r, which is in the declared encoding, as UTF-8 without a byte order mark.
func decoded(r io.Reader, declared string) (*checkedText, error) {
	src := bufio.NewReader(r)
	t := &checkedText{src: src, line: 1, buf: make([]byte, 0, 1<<16)}
	head, _ := src.Peek(3) // a shorter file is not an error here
	mark8 := bytes.HasPrefix(head, []byte("\xef\xbb\xbf"))
	mark16 := bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
	var e encoding.Encoding
	switch declared {
	case "", "utf-8":
		if mark8 {
			_, err := src.Discard(3)
			return t, err
		}
	case "gb18030":
		e = simplifiedchinese.GB18030
	case "latin-1":
		e = charmap.Windows1252
	case "utf-16":
		e = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	default:
		return nil, fmt.Errorf("unknown encoding %q; want one of %s", declared, strings.Join(Encodings(), ", "))
	}
	switch {
	case mark16 && declared != "utf-16":
		t.fail("the file begins with the mark of UTF-16; write encoding: utf-16 at the site")
	case mark8:
		t.fail("the file begins with the mark of UTF-8; write encoding: utf-8 at the site")
	case !mark16 && declared == "utf-16" && len(head) > 0:
		t.fail("the file does not begin with the mark of UTF-16 (FF FE or FE FF); save it with a byte order mark, or as UTF-8")
	case e != nil && len(head) > 0:
		t.src, t.from = e.NewDecoder().Reader(src), declared
	}
	return t, nil
}

func (t *checkedText) fail(msg string) { t.err = &badText{t.line, msg} }

// Read implements io.Reader; its errors are those of the source or a *badText.
func (t *checkedText) Read(p []byte) (int, error) {
	for t.at == t.ok {
		if t.err != nil {
			return 0, t.err
		}
		if t.eof {
			return 0, io.EOF
		}
		rest := copy(t.buf[:cap(t.buf)], t.buf[t.ok:])
		n, err := t.src.Read(t.buf[rest:cap(t.buf)])
		if err != nil && err != io.EOF {
			return 0, err
		}
		t.buf, t.eof = t.buf[:rest+n], err == io.EOF
		t.at, t.ok = 0, 0
		t.check()
	}
	n := copy(p, t.buf[t.at:t.ok])
	t.at += n
	return n, nil
}

// check moves ok over the bytes that are text, up to a rune that is not all there.
func (t *checkedText) check() {
	good := t.buf
	if !t.eof {
		good = good[:len(good)-partialRune(good)]
	}
	bad, msg := len(good), ""
	if !utf8.Valid(good) {
		bad = firstInvalid(good)
		msg = "bytes are not UTF-8; the file is likely " + likely(good[max(0, bad-1):]) + ": write encoding: at the site, or save the file as UTF-8"
	}
	if i := bytes.Index(good[:bad], replacement); t.from != "" && i >= 0 {
		bad, msg = i, "bytes are not "+t.from+"; the file is likely "+insteadOf(t.from)+": check encoding: at the site, or save the file as UTF-8"
	}
	if i := bytes.IndexByte(good[:bad], 0); i >= 0 {
		bad, msg = i, "a NUL byte is no text; the file is likely UTF-16 without its mark, or not a CSV file"
	}
	t.ok = bad
	t.line += bytes.Count(good[:bad], []byte("\n"))
	if msg != "" {
		t.fail(msg)
	}
}

// insteadOf names what a file is likely to be that does not decode as it was declared.
func insteadOf(declared string) string {
	switch declared {
	case "gb18030":
		return "utf-8 or latin-1"
	case "latin-1":
		return "utf-8 or gb18030"
	}
	return "damaged" // a mark of UTF-16 was there
}

// partialRune is the length of an incomplete rune at the end of b.
func partialRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// likely guesses the encoding of bytes that are not UTF-8. In GB18030 nearly
// all characters beyond ASCII have two bytes above 0x7f and none is inside a
// word of ASCII letters; in Latin-1 both are common.
func likely(b []byte) string {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) || bytes.IndexByte(b, 0) >= 0 {
		return "utf-16"
	}
	b = b[:min(len(b), 4096)]
	for i := 0; i < len(b); {
		run := i
		for i < len(b) && b[i] >= 0x80 {
			i++
		}
		inWord := run > 0 && lower(b[run-1]) || i < len(b) && lower(b[i])
		if i > run && ((i-run)%2 == 1 && i < len(b) || inWord) {
			return "latin-1"
		}
		i++
	}
	return "gb18030"
}

func lower(c byte) bool { return c >= 'a' && c <= 'z' }
