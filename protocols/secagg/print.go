package secagg

import (
	"fmt"
	"io"
	"log/slog"
)

// What holds keys or cells prints as its name, whatever the verb.

// Format implements fmt.Formatter.
func (s Session) Format(f fmt.State, _ rune) { io.WriteString(f, "secagg.Session(…)") }

// LogValue implements slog.LogValuer.
func (s Session) LogValue() slog.Value { return slog.StringValue("secagg.Session(…)") }

// Format implements fmt.Formatter.
func (t Total) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "secagg.Total(sum %d, %d cells)", t.Sequence, len(t.Sum))
}

// LogValue implements slog.LogValuer.
func (t Total) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(t)) }

// Format implements fmt.Formatter.
func (j *MemoryJournal) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "secagg.MemoryJournal(%d records)", j.Len())
}

// LogValue implements slog.LogValuer.
func (j *MemoryJournal) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(j)) }
