package engine_test

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestNoStatementReadsASliceThatItsOwnCallsGrow looks for
//
//	keep := func(x T) []T { dropped = append(dropped, x); ... }
//	return keep(a), keep(b), dropped
//
// The language leaves open whether dropped is read before or after the calls,
// and go1.26.8, which keeps the array of such a slice on the stack and moves it
// to the heap first thing in the statement, returns a slice of dead stack when
// keep is inlined: seen as bytes of other memory in a warning, in one run of many.
func TestNoStatementReadsASliceThatItsOwnCallsGrow(t *testing.T) {
	each(t, func(_, file string, f *ast.File) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			growers := closuresThatAppend(fn.Body)
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				var together []ast.Expr
				switch n := n.(type) {
				case *ast.ReturnStmt:
					together = n.Results
				case *ast.AssignStmt:
					together = n.Rhs
				}
				if name := readAndGrown(together, growers); name != "" {
					t.Errorf("%s: in %s, a statement reads %s beside a call that appends to it", file, fn.Name.Name, name)
				}
				return true
			})
		}
	})
}

// closuresThatAppend returns, for each function kept in a local variable, the variables it appends to.
func closuresThatAppend(body *ast.BlockStmt) map[string]map[string]bool {
	growers := map[string]map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || len(as.Lhs) != len(as.Rhs) {
			return true
		}
		for i := range as.Rhs {
			name, ok1 := as.Lhs[i].(*ast.Ident)
			fn, ok2 := as.Rhs[i].(*ast.FuncLit)
			if ok1 && ok2 {
				growers[name.Name] = appended(fn.Body)
			}
		}
		return true
	})
	return growers
}

func appended(body *ast.BlockStmt) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		as, ok := n.(*ast.AssignStmt)
		if !ok || as.Tok != token.ASSIGN {
			return true
		}
		for i := range min(len(as.Lhs), len(as.Rhs)) {
			name, _ := as.Lhs[i].(*ast.Ident)
			call, _ := as.Rhs[i].(*ast.CallExpr)
			if name == nil || call == nil {
				continue
			}
			if fn, _ := call.Fun.(*ast.Ident); fn != nil && fn.Name == "append" {
				names[name.Name] = true
			}
		}
		return true
	})
	return names
}

// readAndGrown returns a variable that one of the expressions is and a call in another appends to.
func readAndGrown(together []ast.Expr, growers map[string]map[string]bool) (found string) {
	for _, e := range together {
		name, ok := e.(*ast.Ident)
		if !ok {
			continue
		}
		for _, other := range together {
			ast.Inspect(other, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if fn, ok := call.Fun.(*ast.Ident); ok && growers[fn.Name][name.Name] {
						found = name.Name
					}
				}
				return true
			})
		}
	}
	return found
}
