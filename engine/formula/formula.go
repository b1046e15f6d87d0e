// Package formula turns R's model formulas into design matrices with R's
// column names, order and treatment contrasts.
package formula
