package stat

import (
	"slices"

	"github.com/consilium-health/consilium/engine/table"
)

// Args are the keys of one analysis of a study file. Which of them a kind
// takes is said in its catalog line; the study file's parser refuses others.
type Args struct {
	ID   string
	Kind string

	CrossValidate *CrossValidate `yaml:"cross_validate"` // logistic; cox with strata: site

	Variables    []string            `yaml:"variables"`
	By           string              `yaml:"by"`
	Variable     string              `yaml:"variable"`
	Rows         string              `yaml:"rows"`
	Columns      string              `yaml:"columns"`
	Paired       []string            `yaml:"paired"` // two variables; estimate is first minus second
	Outcome      string              `yaml:"outcome"`
	Score        string              `yaml:"score"`
	Formula      string              `yaml:"formula"`
	Medians      []string            `yaml:"medians"`
	Breaks       []float64           `yaml:"breaks"`
	Thresholds   []float64           `yaml:"thresholds"`
	Quantiles    []float64           `yaml:"quantiles"`
	QuantileType int                 `yaml:"quantile_type"` // 7 (default 0 means 7), 1 or 2
	Method       string              `yaml:"method"`
	Time         string              `yaml:"time"`  // end of follow-up
	Event        string              `yaml:"event"` // whether the event ended it
	Entry        string              `yaml:"entry"` // when observation began, later than at time 0: left truncation
	Strata       OneOrMore           `yaml:"strata"`
	Ties         string              `yaml:"ties"`    // efron or breslow; "" means efron
	ZPH          string              `yaml:"zph"`     // transform of time in the test of proportional hazards; "" means km, or identity within hospitals
	Times        []float64           `yaml:"times"`   // at which a curve is shown; nil: at every time
	Predict      []map[string]string `yaml:"predict"` // cox: people by their covariates, as a file would hold them
	Tau          float64             `yaml:"tau"`     // to which survival is averaged; 0: the last time shown
	Grid         float64             `yaml:"grid"`    // step in which a score or a time is counted; 0 means the variable's own
	Ridge        *float64            `yaml:"ridge"`
	Drop1        bool                `yaml:"drop1"`
	VIF          bool                `yaml:"vif"`     // models: variance inflation factors
	Firth        bool                `yaml:"firth"`   // logistic: Firth's penalised likelihood
	Profile      bool                `yaml:"profile"` // logistic with firth: limits from the profile of the penalised likelihood
	SE           string              `yaml:"se"`      // models: standard errors, hc0 to hc3 or cluster_site; "" and model: the model's own
	Evaluate     *Evaluate           `yaml:"evaluate"`
	FinalSteps   *int                `yaml:"final_steps"` // logistic, reveal: model: exact Newton steps at the opened model, 0 to 2; nil means 1
	Degree       int                 `yaml:"degree"`      // logistic, reveal: model: of the hospitals' score polynomials, 2 or 3; 0 means 3 up to 34 columns, else 2
	Condition    float64             `yaml:"condition"`   // reveal: model: how nearly collinear columns may be; 0 means the default
	Withhold     []string            `yaml:"withhold"`    // linear, reveal: model: vcov and std_error are not computed, so that the products of columns stay encrypted

	Estimand   string    `yaml:"estimand"`   // propensity: ate or att; "" means ate
	Stabilized bool      `yaml:"stabilized"` // propensity: weights times the share of the group
	Truncate   []float64 `yaml:"truncate"`   // propensity: limits of the probability of treatment

	Model  string   `yaml:"model"`        // id of the model that is evaluated
	Models []string `yaml:"models"`       // ids of the models that are compared
	Term   string   `yaml:"term"`         // name of a coefficient of the model
	Apart  bool     `yaml:"per_hospital"` // every hospital's own figure is opened and written
	Bins   int      `yaml:"bins"`         // classes of predicted risk; 0 means 10
	At     float64  `yaml:"at"`           // the time at which the risks of a Cox model are evaluated

	Of           *Args            `yaml:"-"` // the analysis named by Model
	OfAll        []*Args          `yaml:"-"` // the analyses named by Models
	Where        *table.Condition `yaml:"-"` // of this analysis, after the cohort's
	NewtonRounds int              `yaml:"-"` // logistic: exactly so many Newton rounds, for benchmarks; 0: until convergence

	Veil        bool  `yaml:"-"` // reveal: model: the path to the result stays encrypted
	Sealed      bool  `yaml:"-"` // release: analyst: hospitals see no total but those that are Shown
	PerHospital bool  `yaml:"-"` // the analysis or a condition names site: it shows figures of single hospitals
	Rules       Rules `yaml:"-"`
}

// OneOrMore is a list of names that a study file may also write as one name.
type OneOrMore []string

// Evaluate asks for the in-sample evaluation of a fitted model.
type Evaluate struct {
	Cells int `yaml:"cells"` // classes of predicted probability; 0 switches evaluation off
}

// Kind is a line of the catalog: a kind of analysis and the keys it takes beside id, kind and where.
type Kind struct {
	Name      string
	Statistic Statistic
	Required  []string
	Optional  []string
}

// Lookup returns the catalog line of a kind.
func Lookup(kind string) (Kind, bool) {
	i := slices.IndexFunc(Catalog(), func(k Kind) bool { return k.Name == kind })
	if i < 0 {
		return Kind{}, false
	}
	return Catalog()[i], true
}
