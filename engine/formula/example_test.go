package formula_test

import (
	"fmt"

	"github.com/consilium-health/consilium/engine/formula"
	"github.com/consilium-health/consilium/engine/table"
)

func ExampleParse() {
	dictionary := &table.Schema{Fields: []table.Field{
		{Name: "disease", Kind: table.Binary},
		{Name: "age", Min: 18, Max: 110},
		{Name: "sex", Kind: table.Category, Levels: []string{"female", "male"}},
	}}
	f, err := formula.Parse("disease ~ log(age) * sex")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := f.Bind(dictionary, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := m.Design(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range d.Columns {
		fmt.Printf("%s in [%.3g, %.3g]\n", c.Name, c.Min, c.Max)
	}
	// Output:
	// (Intercept) in [1, 1]
	// log(age) in [2.89, 4.7]
	// sexmale in [0, 1]
	// log(age):sexmale in [0, 4.7]
}
