package table

// Condition is a compiled `where`: a logical expression in R's notation over
// the variables of a schema, three-valued as in R.
type Condition struct {
	src  string
	vars []string
	bind func(*Table) (func(row int) bool, error)
}

// String returns the condition as written.
func (c *Condition) String() string { return c.src }

// Variables returns the variables the condition uses, site included when named.
func (c *Condition) Variables() []string { return c.vars }
