package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSecurityPage: every test that docs/security.md names exists, and so does
// every row; a range of rows names two that do.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go", "*/*/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				tests[m[1]] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 20 {
		t.Fatalf("%d tests named: they are not found any more", len(named))
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("docs/security.md names %s, which does not exist", m[1])
		}
	}

	rows := map[string]bool{}
	for _, row := range certificateAttacks() {
		number, _, _ := strings.Cut(row.id, "-")
		rows[number] = true
	}
	// The token's rows, T and K, have tables of their own.
	cited := regexp.MustCompile(`\b([A-JL-SU-Z])(\d\d)\b`).FindAllStringSubmatch(string(page), -1)
	if len(cited) < 40 {
		t.Fatalf("%d rows cited: they are not found any more", len(cited))
	}
	mentioned := map[string]bool{}
	for _, m := range cited {
		mentioned[m[1]] = true
		if n, _ := strconv.Atoi(m[2]); !rows[fmt.Sprintf("%s%02d", m[1], n)] {
			t.Errorf("docs/security.md cites row %s, which does not exist", m[0])
		}
	}
	for number := range rows {
		if !mentioned[number[:1]] {
			t.Errorf("docs/security.md cites no row of %s…", number[:1])
		}
	}
}
