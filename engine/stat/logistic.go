package stat

import (
	"fmt"
	"slices"

	"github.com/consilium-health/consilium/engine/internal/fixed"
	"github.com/consilium-health/consilium/engine/table"
)

// Logistic fits logistic regression by maximum likelihood, as R's glm with
// family binomial, or with a ridge penalty:
//
//	census ──► column sums ──► squares about the means ──► score, information, deviance ──┐ ──► risk classes
//	                                                          ▲   Newton step, in lockstep │
//	                                                          └── with drop1's and null ◄──┘
//
// Columns are centred and scaled by the opened means and SDs, so that float64
// suffices for the information and beta starts at 0. With `reveal: model` the Newton
// steps from there to near the maximum are encrypted (veiledLogistic).
type Logistic struct{}

// Begin implements Statistic.
func (Logistic) Begin(args Args, s *table.Schema) (Program, error) {
	r, err := newRegression(args, s)
	if err != nil {
		return nil, err
	}
	if r.model.OutcomeKind == table.Number {
		return nil, fmt.Errorf("logistic: outcome %s is a number, want a binary or a category of two levels, the second being the event", r.model.Outcome)
	}
	if err := checkFirth(args); err != nil {
		return nil, err
	}
	if e := args.Evaluate; e != nil && (e.Cells < 0 || e.Cells > maxEvaluate) {
		return nil, fmt.Errorf("logistic: evaluate: cells is %d, want 0 to %d", e.Cells, maxEvaluate)
	}
	if v := args.CrossValidate; v != nil {
		if err := v.check(args); err != nil {
			return nil, err
		}
	}
	outcome := r.model.Variables[0]
	r.rare = slices.DeleteFunc(r.rare, func(name string) bool { return name == outcome }) // it has a rule of its own
	c, err := newCensus(args, s, r.model.Variables, slices.Concat([]string{outcome}, r.model.Factors, r.rare))
	if err != nil {
		return nil, err
	}
	l := &logisticPart{regression: r, evaluation: &evaluation{cells: DefaultCells}}
	if args.Evaluate != nil {
		l.evaluation.cells = args.Evaluate.Cells
	}
	if args.Veil {
		if err := l.veil(); err != nil {
			return nil, err
		}
	}
	l.lay()
	p := &program{census: c, parts: append([]part{l}, r.spread(c.vars, table.Factor{})...)}
	p.start = func() error {
		l.nEvent = c.levels[0][1]
		if err := r.settle(c); err != nil {
			return err
		}
		return l.begin()
	}
	p.finish = func() (Frame, error) { return l.finish(c.counts()), nil }
	if v := args.CrossValidate; v != nil {
		most := l.evaluation.cells
		if most == 0 {
			most = DefaultCells
		}
		x := &crossPart{folding: folding{k: v.Folds, seed: uint64(v.Seed)}, of: l, classes: &evaluation{cells: most}, most: most}
		p.parts = append(p.parts, x)
		p.finish = func() (Frame, error) {
			f := l.finish(c.counts())
			x.put(&f, func() []Record { return x.performance(&f) })
			return f, nil
		}
	}
	if l.veiled != nil {
		c.shown, p.blind = true, l.veiled.steps == 0 && l.evaluation.part == nil
		v := &veiledProgram{p, []veiledPart{l}}
		if q := l.evaluation.part; q != nil {
			q.n = func() int64 { return c.n }
			p.parts, v.veiled = append(p.parts, q), append(v.veiled, q)
		}
		return v, nil
	}
	return p, nil
}

// logisticPart are the sums after the census.
type logisticPart struct {
	*regression
	nEvent int64
	cells  [][]float64 // model-matrix rows of a saturated model's cells
	stage  int
	asks   []Ask

	openings []Opening
	place    struct{ sums, events, squares, residuals, solution, fit, null, drops, evaluate, sandwich int } // of openings; -1: none
	veiled   *veiledLogistic                                                                                // nil with reveal: sums

	scale      []float64 // SD of each column, 40 bits; 0: constant
	varies     []int     // columns that are not constant
	main, null *newton
	drops      []dropped
	evaluation *evaluation
	firth      *firth // nil: maximum likelihood, or ridge

	cache *panelCache
	sums  map[*newton]*NewtonSums // this hospital's workspace
}

// dropped is the fit without a term.
type dropped struct {
	term  int
	fit   *newton // nil when the term has no column that varies
	empty bool    // no column is left without it
}

const (
	logisticSums = iota
	logisticSquares
	logisticResiduals
	logisticSolution
	logisticNewton
	logisticEvaluate
	logisticSandwich
	logisticFirth
	logisticProfile
)

// lay declares the openings.
func (l *logisticPart) lay() {
	q := len(l.most.Columns)
	put := func(what string, cells, times int, people bool) int {
		l.openings = append(l.openings, Opening{What: what, Cells: cells, MaxTimes: times, CountsPeople: people})
		return len(l.openings) - 1
	}
	list := names(l.most.Columns)
	if list == "" {
		list = "the intercept alone"
	}
	l.place.events, l.place.null, l.place.evaluate = -1, -1, -1
	l.place.sums = put("sums of the columns of the model ("+list+"): their means; of a yes/no column, how many people have it", q, 1, zeroOnes(l.most.Columns) > 0)
	if l.args.Rules.MinCell > 1 && l.most.CellVariables() != nil && l.veiled == nil {
		l.place.events = put("the same sums over the people with the event: to refuse a model that is a table with small cells", q, 1, true)
	}
	l.place.squares = put("sums of squares of the columns about their means: their SDs", 2*q, 1, false)
	if l.veiled != nil {
		l.layVeiled(put)
		return
	}
	if l.args.Firth {
		l.layFirth(q, put)
		l.layEvaluation(put)
		return
	}
	fit := func(name string, q, rounds int, bounded bool) int {
		what := "how " + name + " fits at each step: score, information, deviance"
		if name == "the model" {
			what += ". " + l.follows()
		}
		at := put(what, newtonCells(q), rounds, false)
		if !bounded {
			put("how many people the next step of "+name+" moves away from their outcome, and how many towards it: none away means that the outcomes separate", 2, maxNewton+1-separationFrom, true)
		}
		return at
	}
	rounds := maxNewton
	if l.args.NewtonRounds > 0 {
		rounds = l.args.NewtonRounds
	}
	l.place.fit = fit("the model", q, rounds, l.penalty() > 0)
	if l.model.HasOffset && l.model.Intercept {
		l.place.null = fit("the model of the offset alone", 1, maxNewton, true)
	}
	l.place.drops = len(l.openings)
	if l.args.Drop1 && l.penalty() == 0 {
		for _, t := range l.model.Droppable() {
			fit("the model without "+l.model.Terms[t].Label, q, maxNewton, false)
		}
	}
	if l.sandwich != nil {
		l.openings = append(l.openings, l.sandwich.opening(q))
		l.place.sandwich = len(l.openings) - 1
	}
	l.layEvaluation(put)
}

func (l *logisticPart) layEvaluation(put func(what string, cells, times int, people bool) int) {
	if c := l.evaluation.cells; c > 0 {
		l.place.evaluate = put("people with and without the event in each class of predicted risk, and the sum of squared errors: AUC and Brier score of the model", 2*c+1, 1, true)
	}
}

// follows says what can be computed from the sums of the Newton rounds.
func (l *logisticPart) follows() string {
	what := "The first gives the products of any two columns"
	if zeroOnes(l.most.Columns) > 1 {
		what += ": the cross table of any two factors of the model, and their events"
	}
	if l.penalty() == 0 {
		what += "; the result's vcov at full precision lets a reader compute sums of covariates, too"
	}
	return what
}

func (l *logisticPart) plan() []Opening { return l.openings }

func (l *logisticPart) ask() []Ask { return l.asks }

// begin applies the rules on the outcome and asks for the sums of the columns.
func (l *logisticPart) begin() error {
	least := int64(l.args.Rules.MinCell)
	switch rest := l.n - l.nEvent; {
	case least > 1 && (l.nEvent < least || rest < least):
		return &Refusal{Rule: "min_cell", Message: fmt.Sprintf("fewer than %d people have the event, or fewer than %d have not", least, least),
			Remedy: "widen the cohort, or choose a more frequent outcome"}
	case l.nEvent == 0 || rest == 0:
		return &Refusal{Rule: "constant_outcome", Message: "no finite maximum: the outcome is constant", Remedy: "widen the cohort, or choose another outcome"}
	}
	var err error
	if l.cells, err = l.crossTable(); err != nil {
		return err
	}
	if l.veiled != nil && l.cells != nil {
		return saturatedRefusal()
	}
	cells := l.sumCells()
	l.asks = []Ask{{Opening: l.place.sums, Cells: cells}}
	if l.cells != nil {
		events := slices.Clone(cells)
		for i := range events {
			events[i].Name += ", with the event"
		}
		l.asks = append(l.asks, Ask{Opening: l.place.events, Cells: events})
	}
	return nil
}

func (l *logisticPart) add(rows *table.View, out *fixed.Sums) error {
	m, err := l.matrix(rows)
	if err != nil {
		return err
	}
	switch l.stage {
	case logisticSums:
		for i, c := range l.columns {
			addColumn(m, i, c, out, i, false)
			if l.cells != nil {
				addColumn(m, i, c, out, len(l.columns)+i, true)
			}
		}
	case logisticSquares:
		l.addSquareCells(m, out)
	case logisticResiduals, logisticSolution: // opened from under encryption
	case logisticNewton:
		l.addNewton(m, out)
	case logisticSandwich:
		l.addSandwich(m, out)
	case logisticFirth:
		l.addFirth(m, out)
	case logisticProfile:
		l.addProfile(m, out)
	default:
		l.evaluation.add(m, l.main.cols, l.asks[0].State, out)
	}
	return nil
}

func (l *logisticPart) reduce(t fixed.Totals) error {
	asks := l.asks
	l.asks = nil
	switch l.stage {
	case logisticSums:
		return l.takeSums(t)
	case logisticSquares:
		return l.takeSquares(t)
	case logisticResiduals:
		return l.takeResiduals(asks, t)
	case logisticSolution:
		return l.takeSolution(asks[0].Cells, t)
	case logisticNewton:
		l.takeNewton(asks, t)
		if l.veiled != nil && l.main.done {
			return l.settled()
		}
	case logisticFirth:
		if l.takeFirth(t); len(l.main.cols) == 0 {
			return &Refusal{Rule: "resolution", Message: "the offset alone decides everybody's risk: no column has any weight beside it", Remedy: "give the offset in the log odds' unit, or leave it out"}
		}
	case logisticProfile:
		l.takeProfile(t)
	case logisticSandwich:
		l.sandwich.take(t, len(l.main.cols))
		l.next()
	default:
		l.evaluation.take(t)
	}
	return nil
}
