package table

// growing is a column of unknown length. It grows by blocks that are copied
// once, when the length is known, so that a column is never held twice over for long.
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

// join makes values of the blocks and lets them go.
func (g *growing) join() {
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
