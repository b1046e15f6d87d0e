package table_test

import (
	"fmt"
	"strings"

	"github.com/consilium-health/consilium/engine/table"
)

func ExampleReadCSV() {
	s := &table.Schema{Sites: []string{"north", "south"}, Fields: []table.Field{
		{Name: "age", Kind: table.Number, Unit: "years", Integer: true, Min: 0, Max: 120},
		{Name: "sex", Kind: table.Category, Levels: []string{"female", "male"}},
	}}
	for i := range s.Fields {
		if err := s.Fields[i].Check(); err != nil {
			fmt.Println(err)
		}
	}
	t, _, err := table.ReadCSV(strings.NewReader("sex,age\nmale,67\nfemale,\n"), "north.csv", table.Source{}, s, "north", 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	age, _ := t.Column("age")
	sex, _ := t.Column("sex")
	fmt.Println(t.Rows(), age, sex)
	_, _, err = table.ReadCSV(strings.NewReader("sex,age\nmale,670\n"), "north.csv", table.Source{}, s, "north", 1000)
	fmt.Println(err)
	// Output:
	// 2 [67 NaN] [1 0]
	// table: north.csv does not conform to the dictionary
	//   line 2, column "age", rule range: outside [0, 120] years; correct it, or widen min and max, or write out_of_range: missing for the variable
}
