package agent

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Source is what the handlers' code says of the agent, as far as it is written
// down: names that are literals or constants of the package.
type Source struct {
	Texts   map[string]Mention // every text of the code, where it is first: a parameter of that name may be set by it
	Sets    []Mention          // parameters that are certainly set
	Invalid []Mention          // parameters that are sent back to their form
	Pages   []Mention          // pages that are gone to
	Flows   []Mention          // flows that are gone to
	Ignores []*Ignore
}

// Mention is a name in the code.
type Mention struct {
	Name string
	File string
	Line int
}

// generated is the file that gen writes; it says nothing about what the code does.
const generated = "agent_gen.go"

// ReadSource reads the handlers' package in dir, without its tests. Files are named
// below base.
func ReadSource(dir, base string) (*Source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	src := &Source{Texts: map[string]Mention{}}
	files := map[string]*ast.File{}
	fset := token.NewFileSet()
	var problems []error
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		shown := filepath.ToSlash(filepath.Join(base, filepath.Base(name)))
		f, err := parser.ParseFile(fset, shown, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		files[shown] = f
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	constants := map[string]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for i, name := range v.Names {
						if i < len(v.Values) {
							if s, ok := literal(v.Values[i], nil); ok {
								constants[name.Name] = s
							}
						}
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		src.Ignores = append(src.Ignores, ignoresOf(fset, files[name])...)
		if filepath.Base(name) != generated {
			src.read(fset, files[name], constants)
		}
	}
	return src, nil
}

func (src *Source) read(fset *token.FileSet, f *ast.File, constants map[string]string) {
	mention := func(list *[]Mention, e ast.Expr) {
		ast.Inspect(e, func(n ast.Node) bool {
			if x, ok := n.(ast.Expr); ok {
				if s, ok := literal(x, constants); ok {
					at := fset.Position(n.Pos())
					*list = append(*list, Mention{s, at.Filename, at.Line})
					return false
				}
			}
			return true
		})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if s, ok := literal(n, nil); ok {
				if _, seen := src.Texts[s]; !seen {
					at := fset.Position(n.Pos())
					src.Texts[s] = Mention{s, at.Filename, at.Line}
				}
			}
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) == 0 {
				return true
			}
			switch sel.Sel.Name {
			case "WithParameter":
				mention(&src.Sets, n.Args[0])
			case "Invalid", "WithInvalid":
				mention(&src.Invalid, n.Args[0])
			case "PageName":
				mention(&src.Pages, n.Args[0])
			case "WithTargetPage":
				src.target(n.Args[0], mention)
			case "WithTargetFlow":
				mention(&src.Flows, n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "TargetPage" {
				src.target(n.Value, mention)
			} else if ok && key.Name == "TargetFlow" {
				mention(&src.Flows, n.Value)
			}
		}
		return true
	})
}

// target is a page unless a call makes it, which is looked at by itself.
func (src *Source) target(e ast.Expr, mention func(*[]Mention, ast.Expr)) {
	if _, call := e.(*ast.CallExpr); !call {
		mention(&src.Pages, e)
	}
}

// literal gives a text that the code writes down.
func literal(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		s, ok := constants[e.Name]
		return s, ok
	}
	return "", false
}
