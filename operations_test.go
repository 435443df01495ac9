package webhook

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOperationsPage: every reason code in the source has its line and its cure in
// docs/operations.md, and every line there has its code.
func TestOperationsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(string(page), -1) {
		if listed[m[1]] {
			t.Errorf("docs/operations.md lists %s twice", m[1])
		}
		listed[m[1]] = true
	}
	declared := map[string]bool{}
	for _, code := range slices.Concat(constants(t, filepath.Join("verify", "reason.go"), ""), constants(t, filepath.Join("cx", "call.go"), "code"), constants(t, "drain.go", "code")) {
		declared[code] = true
	}
	if len(declared) < 80 {
		t.Fatalf("%d codes in the source: they are not found any more", len(declared))
	}
	doctor, err := filepath.Glob(filepath.Join("cmd", "local", "doctor*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range doctor {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range regexp.MustCompile(`"((?:url|configuration)_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			declared[code[1]] = true
		}
	}
	for code := range declared {
		if !listed[code] {
			t.Errorf("docs/operations.md has no line for %s", code)
		}
	}
	for code := range listed {
		if !declared[code] {
			t.Errorf("docs/operations.md has a line for %s, which no code has", code)
		}
	}
}

// constants gives the text constants of a file whose names begin with prefix.
func constants(t *testing.T, file, prefix string) (values []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, prefix) {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				values = append(values, strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	return values
}

// Every setting is documented where docs/operations.md says it is: in config.go,
// by a comment beside it or above it.
func TestSettingsDocumented(t *testing.T) {
	source, err := os.ReadFile("config.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range envNames {
		if name == envAgents || name == envAnyTenant || name == envNotProduction { // a comment above
			continue
		}
		if !regexp.MustCompile(`"` + name + `"\s*// \S`).Match(source) {
			t.Errorf("config.go says nothing of %s", name)
		}
	}
}
