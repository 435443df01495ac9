package agent

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// existing is what the handlers' package has before anything is generated.
type existing struct {
	tags, paths map[string]string // the base name of each tag and path that was generated before
	methods     map[string]string // of the type agent, written by hand: name to file
	hasAgent    bool              // the type agent is there
	hasRegister bool
	uses        map[string]bool // names that the code written by hand mentions
	registered  map[string]bool // tags and paths that the handlers answer
	old         *oldFile
}

// oldFile is the file that was generated before.
type oldFile struct {
	text []byte
	fset *token.FileSet
	decl map[string][]ast.Node // of types and their methods, by the type's name
}

// readExisting reads the package in dir, which may be empty or not there.
func readExisting(dir string, registered []string) (*existing, error) {
	e := &existing{tags: map[string]string{}, paths: map[string]string{}, methods: map[string]string{}, uses: map[string]bool{}, registered: map[string]bool{}}
	for _, name := range registered {
		e.registered[name] = true
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		switch {
		case err != nil:
			problems = append(problems, err)
		case filepath.Base(name) == generated:
			if !ast.IsGenerated(f) {
				problems = append(problems, fmt.Errorf("%s: it is not marked as generated; move what you wrote into another file", name))
				continue
			}
			e.readOld(text, fset, f)
		case !strings.HasSuffix(name, "_test.go"):
			e.readHand(filepath.Base(name), f)
		}
	}
	return e, errors.Join(problems...)
}

func (e *existing) readHand(name string, f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				e.hasRegister = e.hasRegister || d.Name.Name == "Register"
			} else if receiver(d) == "agent" {
				e.methods[d.Name.Name] = name
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if t, ok := s.(*ast.TypeSpec); ok && t.Name.Name == "agent" {
					e.hasAgent = true
				}
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			e.uses[id.Name] = true
		}
		return true
	})
}

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// readOld takes the names that were given, and remembers the types.
func (e *existing) readOld(text []byte, fset *token.FileSet, f *ast.File) {
	e.old = &oldFile{text, fset, map[string][]ast.Node{}}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					value, ok := "", false
					if len(s.Values) == 1 {
						value, ok = literal(s.Values[0], nil)
					}
					if base, isTag := strings.CutPrefix(s.Names[0].Name, "Tag"); ok && isTag {
						e.tags[value] = base
					} else if base, isPath := strings.CutPrefix(s.Names[0].Name, "Path"); ok && isPath {
						e.paths[value] = base
					}
				case *ast.TypeSpec:
					e.old.decl[s.Name.Name] = append(e.old.decl[s.Name.Name], d)
				}
			}
		case *ast.FuncDecl:
			if d.Recv != nil && receiver(d) != "agent" {
				e.old.decl[receiver(d)] = append(e.old.decl[receiver(d)], d)
			}
		}
	}
}

// keep gives the text of the old file's types that names begin with, and of those
// that they are made of, without those that have been generated anew.
func (o *oldFile) keep(names []string, have map[string]bool) string {
	var b strings.Builder
	done := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if done[name] || have[name] || o == nil {
			continue
		}
		done[name] = true
		for _, d := range o.decl[name] {
			from := d.Pos()
			if g, ok := d.(*ast.GenDecl); ok && g.Doc != nil {
				from = g.Doc.Pos()
			} else if f, ok := d.(*ast.FuncDecl); ok && f.Doc != nil {
				from = f.Doc.Pos()
			}
			b.Write(o.text[o.fset.Position(from).Offset:o.fset.Position(d.End()).Offset])
			b.WriteString("\n\n")
			ast.Inspect(d, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && o.decl[id.Name] != nil && !slices.Contains(names, id.Name) {
					names = append(names, id.Name)
				}
				return true
			})
		}
	}
	return b.String()
}
