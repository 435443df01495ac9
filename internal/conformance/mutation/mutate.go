// Package mutation breaks a package in one place at a time, and counts after which
// of that its tests still pass.
//
// All mutants are in one test program, and a variable of the environment says which
// of them is on. So the package is compiled once: gremlins and go-mutesting compile
// it for each mutant, which takes hours here. What is broken is like theirs: a
// condition is always or never true, a comparison is turned round or takes the
// value at its edge to the other side, and is or, plus is minus.
package mutation

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Mutant is one place and what is wrong there.
type Mutant struct {
	Place string // file:line:column
	What  string // as "condition is true"
}

// edit is text that is put into a file in place of what is between two offsets.
type edit struct {
	from, to int
	text     string
	order    int // of edits at one place: the outer expression begins first and ends last
}

type mutator struct {
	fset    *token.FileSet
	info    *types.Info
	mutants []Mutant
	edits   []edit
	depth   int
}

// helpers are what the changed files call; the names are used nowhere else.
const helpers = `
import (
	"cmp"
	"os"
	"strconv"
	"sync"
)

var mutantOn, _ = strconv.Atoi(os.Getenv("MUTANT"))
var mutantSeen sync.Map

func mutantIs(id int) bool {
	if mutantOn == 0 {
		if name := os.Getenv("MUTANTS_SEEN"); name != "" {
			if _, seen := mutantSeen.LoadOrStore(id, true); !seen {
				f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
				if err != nil {
					panic(err)
				}
				f.WriteString(strconv.Itoa(id) + "\n")
				f.Close()
			}
		}
	}
	return id == mutantOn
}

type mutantNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

func mutantIf(id int, c bool) bool { isFalse, isTrue := mutantIs(id), mutantIs(id+1); return c && !isFalse || isTrue }
func mutantAnd(id int, a bool, b func() bool) bool { if mutantIs(id) { return a || b() }; return a && b() }
func mutantOr(id int, a bool, b func() bool) bool  { if mutantIs(id) { return a && b() }; return a || b() }
func mutantLSS[T cmp.Ordered](id int, a, b T) bool { if mutantIs(id) { return a <= b }; return a < b }
func mutantLEQ[T cmp.Ordered](id int, a, b T) bool { if mutantIs(id) { return a < b }; return a <= b }
func mutantGTR[T cmp.Ordered](id int, a, b T) bool { if mutantIs(id) { return a >= b }; return a > b }
func mutantGEQ[T cmp.Ordered](id int, a, b T) bool { if mutantIs(id) { return a > b }; return a >= b }
func mutantADD[T mutantNumber](id int, a, b T) T   { if mutantIs(id) { return a - b }; return a + b }
func mutantSUB[T mutantNumber](id int, a, b T) T   { if mutantIs(id) { return a + b }; return a - b }
func mutantMUL[T mutantNumber](id int, a, b T) T   { if mutantIs(id) { return a / b }; return a * b }
func mutantQUO[T mutantNumber](id int, a, b T) T   { if mutantIs(id) { return a * b }; return a / b }
`

var binary = map[token.Token]struct{ helper, what string }{
	token.LAND: {"mutantAnd", "&& is ||"}, token.LOR: {"mutantOr", "|| is &&"},
	token.LSS: {"mutantLSS", "< is <="}, token.LEQ: {"mutantLEQ", "<= is <"}, token.GTR: {"mutantGTR", "> is >="}, token.GEQ: {"mutantGEQ", ">= is >"},
	token.ADD: {"mutantADD", "+ is -"}, token.SUB: {"mutantSUB", "- is +"}, token.MUL: {"mutantMUL", "* is /"}, token.QUO: {"mutantQUO", "/ is *"},
}

// Mutate gives the files of a package with all mutants in them, off, by their names,
// and what the mutants are: number n is mutants[n-1].
func Mutate(dir string) (files map[string]string, mutants []Mutant, err error) {
	pkgs, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps}, ".")
	if err != nil {
		return nil, nil, err
	}
	if len(pkgs) != 1 || len(pkgs[0].Errors) > 0 {
		return nil, nil, fmt.Errorf("%s: %d packages, %v", dir, len(pkgs), pkgs[0].Errors)
	}
	m := &mutator{fset: pkgs[0].Fset, info: pkgs[0].TypesInfo}
	files = map[string]string{}
	for _, f := range pkgs[0].Syntax {
		name := m.fset.File(f.Pos()).Name()
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		m.edits = nil
		m.file(f)
		files[name] = apply(string(source), m.edits)
	}
	files[dir+"/mutant_helpers.go"] = "package " + pkgs[0].Name + "\n" + helpers
	return files, m.mutants, nil
}

func apply(source string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return a.order - b.order
	})
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(source[at:e.from] + e.text)
		at = e.to
	}
	return b.String() + source[at:]
}

func (m *mutator) offset(p token.Pos) int { return m.fset.Position(p).Offset }

func (m *mutator) add(p token.Pos, what string) int {
	at := m.fset.Position(p)
	m.mutants = append(m.mutants, Mutant{fmt.Sprintf("%s:%d:%d", at.Filename[strings.LastIndex(at.Filename, "/")+1:], at.Line, at.Column), what})
	return len(m.mutants)
}

// wrap puts text before and after a node. Nodes are met from the outside to the
// inside, so that of two that begin, or end, at one place the outer is the outer.
func (m *mutator) wrap(n ast.Node, before, after string) {
	m.depth++
	m.edits = append(m.edits, edit{m.offset(n.Pos()), m.offset(n.Pos()), before, m.depth}, edit{m.offset(n.End()), m.offset(n.End()), after, -m.depth})
}

func (m *mutator) file(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR // a constant cannot call anything
		case *ast.IfStmt:
			m.condition(n.Cond)
		case *ast.SwitchStmt:
			if n.Tag == nil {
				for _, c := range n.Body.List {
					for _, e := range c.(*ast.CaseClause).List {
						m.condition(e)
					}
				}
			}
		case *ast.BinaryExpr:
			m.binary(n)
		}
		return true
	})
}

func (m *mutator) variable(e ast.Expr) bool {
	tv, ok := m.info.Types[e]
	return ok && tv.Value == nil
}

func (m *mutator) condition(e ast.Expr) {
	if m.variable(e) {
		m.wrap(e, fmt.Sprintf("mutantIf(%d, ", m.add(e.Pos(), "condition is false")), ")")
		m.add(e.Pos(), "condition is true")
	}
}

func (m *mutator) binary(e *ast.BinaryExpr) {
	if !m.variable(e) {
		return
	}
	if slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, e.Op) {
		m.wrap(e, "((", fmt.Sprintf(") != mutantIs(%d))", m.add(e.OpPos, e.Op.String()+" is turned round")))
	}
	b, ok := binary[e.Op]
	if basic, isBasic := m.info.TypeOf(e.X).Underlying().(*types.Basic); !ok || !isBasic ||
		slices.Contains([]token.Token{token.ADD, token.SUB, token.MUL, token.QUO}, e.Op) && basic.Info()&types.IsNumeric == 0 {
		return
	}
	id := m.add(e.OpPos, b.what)
	operator := edit{m.offset(e.OpPos), m.offset(e.OpPos) + len(e.Op.String()), ", ", 0}
	after := ")"
	if e.Op == token.LAND || e.Op == token.LOR {
		operator.text, after = ", func() bool { return (", ")})" // a line may end behind the operator
	}
	m.wrap(e, fmt.Sprintf("%s(%d, ", b.helper, id), after)
	m.edits = append(m.edits, operator)
}
