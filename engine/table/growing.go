package table

// growing is a column whose length is guessed on the way. Where the guess was short it grows by blocks
// that are copied once, when the length is known, so that a column is never held twice over for long.
type growing struct {
	values []float64 // after join
	blocks [][]float64
	last   []float64 // the block that grows
}

const blockRows = 1 << 14

func (g *growing) append(x float64) {
	if len(g.last) == cap(g.last) {
		if g.last != nil {
			g.blocks = append(g.blocks, g.last)
		}
		g.last = make([]float64, 0, min(blockRows, max(64, 4*len(g.last))))
	}
	g.last = append(g.last, x)
}

// reserve makes room for a column of n in one block.
func (g *growing) reserve(n int) {
	g.join()
	g.last = append(make([]float64, 0, max(n, len(g.values))), g.values...)
	g.values = nil
}

// join makes values of the blocks and lets them go.
func (g *growing) join() {
	if len(g.blocks) == 0 {
		g.values, g.last = g.last, nil
		return
	}
	n := len(g.last)
	for _, b := range g.blocks {
		n += len(b)
	}
	g.values = make([]float64, 0, n)
	for _, b := range append(g.blocks, g.last) {
		g.values = append(g.values, b...)
	}
	g.blocks, g.last = nil, nil
}
