package report

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// grid is a table of text: the first columns to the left, the others to the right.
type grid struct {
	left    int // columns that are aligned to the left
	leftToo int // one more, further right; 0 means none
	rows    [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// wide counts the columns of a terminal that s takes: a Chinese character takes two, whatever the locale of this process.
func wide(s string) int {
	c := runewidth.Condition{EastAsianWidth: false}
	return c.StringWidth(s)
}

// write prints the grid, indented, two spaces between columns, none at the end of a line.
func (g *grid) write(b *strings.Builder, indent string) {
	var width []int
	for _, row := range g.rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], wide(cell))
		}
	}
	for _, row := range g.rows {
		var line strings.Builder
		line.WriteString(indent)
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-wide(cell))
			if i < g.left || i > 0 && i == g.leftToo {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
}

// wrap breaks text at spaces into lines of at most 100 columns; the first
// begins with first, the others with as many spaces as rest says.
func wrap(b *strings.Builder, first string, rest int, text string) {
	const limit = 100
	line := first
	used := wide(first)
	fresh := true
	for _, word := range strings.Fields(text) {
		if !fresh && used+1+wide(word) > limit {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, used, fresh = strings.Repeat(" ", rest), rest, true
		}
		if !fresh {
			line += " "
			used++
		}
		line += word
		used += wide(word)
		fresh = false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
