package stat

import "math"

// riskSums are the sums over the people of a risk set, or of the events in it:
// w = exp(x'beta), w x, and w x x' as an upper triangle, row by row.
type riskSums struct {
	w   float64
	wx  []float64
	wxx []float64
}

func newRiskSums(q int) *riskSums {
	return &riskSums{wx: make([]float64, q), wxx: make([]float64, pairCells(q))}
}

// add adds by times the terms of one person.
func (s *riskSums) add(x []float64, w float64) {
	s.w += w
	at := 0
	for a, v := range x {
		wv := w * v
		s.wx[a] += wv
		for _, u := range x[a:] {
			s.wxx[at] += wv * u
			at++
		}
	}
}

func (s *riskSums) reset() {
	s.w = 0
	clear(s.wx)
	clear(s.wxx)
}

// partial is the log partial likelihood at a beta, less what events contribute
// alone, with score and information, and the latter two weighted by a function g of time.
type partial struct {
	logLik float64
	score  []float64 // sum of means over the risk sets of the events
	info   []float64 // sum of covariances, upper triangle
	gScore []float64
	gInfo  []float64
	ggInfo []float64

	mean []float64
}

func newPartial(q int) *partial {
	n := pairCells(q)
	return &partial{score: make([]float64, q), info: make([]float64, n), gScore: make([]float64, q), gInfo: make([]float64, n), ggInfo: make([]float64, n), mean: make([]float64, q)}
}

// scale multiplies the sums by f.
func (s *riskSums) scale(f float64) {
	s.w *= f
	for a := range s.wx {
		s.wx[a] *= f
	}
	for k := range s.wxx {
		s.wxx[k] *= f
	}
}

// time adds a time with d events: risk are the sums over everyone at risk,
// events those over the events. Efron (JASA 1977;72:557) takes the events out of the risk set
// one after the other, each leaving as the average of them; Breslow leaves them all in.
func (p *partial) time(risk, events *riskSums, d int64, efron bool, g float64) {
	for k := range d {
		f := 0.0
		if efron {
			f = float64(k) / float64(d)
		}
		z, at := risk.w, 0
		if f > 0 {
			z -= f * events.w
		}
		p.logLik -= math.Log(z)
		for a := range p.mean {
			m := risk.wx[a]
			if f > 0 {
				m -= f * events.wx[a]
			}
			p.mean[a] = m / z
			p.score[a] += p.mean[a]
			p.gScore[a] += g * p.mean[a]
		}
		for a := range p.mean {
			for b := a; b < len(p.mean); b++ {
				v := risk.wxx[at]
				if f > 0 {
					v -= f * events.wxx[at]
				}
				v = v/z - p.mean[a]*p.mean[b]
				p.info[at] += v
				p.gInfo[at] += g * v
				p.ggInfo[at] += g * g * v
				at++
			}
		}
	}
}

// unpack writes an upper triangle row by row into rows of length q, as newton takes it.
func unpack(triangle []float64, q int) []float64 {
	out := make([]float64, q*q)
	at := 0
	for a := range q {
		for b := a; b < q; b++ {
			out[a*q+b] = triangle[at]
			at++
		}
	}
	return out
}
