package synth

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/study"
)

// Formula returns a logistic model whose matrix has so many columns, the
// intercept not counted: age, sex, bmi, diabetes, sbp, log(creatinine) and
// statin, then x1, x2 and so on. Covariates(columns) are needed.
func (c *Cohort) Formula(columns int) (string, error) {
	terms := []string{"age", "sex", "bmi", "diabetes", "sbp", "log(creatinine)", "statin"}
	for j := firstGeneric; j < len(c.variables); j++ {
		terms = append(terms, c.variables[j].name)
	}
	if columns < 1 || columns > len(terms) {
		return "", fmt.Errorf("synth: %d columns, this cohort has 1 to %d; with %d covariates it has them", columns, len(terms), Covariates(columns))
	}
	return "readmitted ~ " + strings.Join(terms[:columns], " + "), nil
}

// Covariates returns how many covariates a cohort needs for Formula(columns).
func Covariates(columns int) int { return Clinical + max(0, columns-7) }

// Study returns a study of the cohort. analyses are lines of a study file such
// as `{id: fit, kind: logistic, formula: "..."}`, nil for those of Write;
// privacy is the study file's, such as `{reveal: model}`, empty for the default.
func (c *Cohort) Study(privacy string, analyses ...string) (*study.Spec, error) {
	return study.Parse("study.yaml", []byte(c.StudyFile(privacy, analyses...)))
}

// StudyFile returns the text of the study that Study parses.
func (c *Cohort) StudyFile(privacy string, analyses ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "study: synthetic\ntitle: A synthetic region of %v, seed %d\nsites:\n", c, c.config.Seed)
	for _, h := range c.hospitals {
		fmt.Fprintf(&b, "  %s: {csv: %s.csv}\n", h.Name, h.Name)
	}
	b.WriteString("variables:\n")
	for _, v := range c.variables {
		fmt.Fprintf(&b, "  %s: %s\n", v.name, v.dictionary)
	}
	if analyses == nil {
		analyses = c.analyses()
	}
	b.WriteString("analyses:\n")
	for _, a := range analyses {
		fmt.Fprintf(&b, "  - %s\n", a)
	}
	if privacy == "" {
		privacy = fmt.Sprintf("{min_sites: %d}", min(3, c.config.Hospitals))
	}
	fmt.Fprintf(&b, "privacy: %s\n", privacy)
	return b.String()
}

// analyses are those of the study that Write writes.
func (c *Cohort) analyses() []string {
	return []string{
		`{id: table1, kind: table1, by: statin, variables: [age, sex, smoking, bmi, diabetes, sbp, ldl, hba1c, crp, comorbidity], medians: [crp]}`,
		`{id: readmission, kind: logistic, formula: "` + c.logisticFormula() + `"}`,
		`{id: pressure, kind: linear, formula: "` + linearFormula + `"}`,
		`{id: cholesterol, kind: ttest, variable: ldl, by: statin}`,
		`{id: inflammation, kind: rank, variable: crp, by: readmitted}`,
		`{id: smokers, kind: crosstab, rows: smoking, columns: readmitted}`,
		`{id: together, kind: correlation, variables: [age, bmi, sbp, dbp]}`,
		`{id: survival, kind: km, time: time, event: death, by: diabetes, grid: 30, times: [360, 720, 1080, 1440], tau: 1440}`,
		`{id: smokers_die, kind: logrank, time: time, event: death, by: smoking, grid: 30}`,
	}
}

// logisticFormula is that of the true model, but for the hospitals' own intercepts.
func (c *Cohort) logisticFormula() string { return "readmitted ~ " + c.modelFormula() }

func (c *Cohort) modelFormula() string {
	f := modelFormula
	for j := firstGeneric; j < len(c.variables); j++ {
		f += " + " + c.variables[j].name
	}
	return f
}
