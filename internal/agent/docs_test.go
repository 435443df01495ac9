package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPage: docs/new-agent.md has every rule.
func TestPage(t *testing.T) {
	const start = "<!-- the rules: go test ./internal/agent -run Page -update -->\n"
	file := filepath.Join("..", "..", "docs", "new-agent.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, ok := strings.Cut(string(page), start)
	if !ok {
		t.Fatalf("%s has no line %q", file, start)
	}
	var b strings.Builder
	b.WriteString(prose + start + "\n## The rules\n\n| rule | | |\n|---|---|---|\n")
	for _, r := range Rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Severity, r.Help)
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != b.String() {
		t.Errorf("%s is out of date; -update writes it", file)
	}
}
