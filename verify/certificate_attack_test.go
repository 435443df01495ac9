package verify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// attack is a row of the table: how a call differs from a good one, the code that
// refuses it with 403, and the nearest call that passes.
type attack struct {
	id   string // fixed: docs/security.md refers to it
	do   func(*certCall)
	code Code
	twin func(*certCall) // nil is the good call itself
	warn []Code          // the warnings with which the twin passes
}

func certificateAttacks() []attack {
	return slices.Concat(headerAttacks(), frontAttacks(), leafAttacks(), chainAttacks(), identityAttacks(), edgeAttacks(), cacheAttacks(),
		urlMapAttacks(), rfc9440Attacks(), nginxAttacks(), xfccAttacks(), connectionAttacks(), customAttacks(), assertionAttacks())
}

// TestAttackCertificate runs every row, and holds that every code of edge and
// certificate is reached by one.
func TestAttackCertificate(t *testing.T) {
	rows := certificateAttacks()
	if len(rows) < 50 {
		t.Errorf("%d rows, want at least 50", len(rows))
	}
	ids := map[string]bool{}
	reached := map[Code]bool{}
	for _, row := range rows {
		if number, _, _ := strings.Cut(row.id, "-"); ids[number] {
			t.Errorf("%s: a number is used twice", row.id)
		} else {
			ids[number] = true
		}
		reached[row.code] = true
		for _, code := range row.warn {
			reached[code] = true
		}
		t.Run(row.id, func(t *testing.T) {
			call := goodCall()
			row.do(call)
			got := call.judge(t)
			switch {
			case got.err == nil:
				t.Fatalf("let in, as %q; want %s", got.report.Identity, row.code)
			case got.err.Code != row.code || got.status != http.StatusForbidden:
				t.Errorf("refused with %s and %d, want %s and 403: %v", got.err.Code, got.status, row.code, got.err.Cause)
			}
			if c := got.err.Check; c.Presented == "" || c.Expected == "" || c.Rule == "" || c.Hint == "" || c.Outcome != Fail {
				t.Errorf("the refusal does not explain itself: %+v", c)
			}
			if last := got.report.Checks[len(got.report.Checks)-1]; last != got.err.Check {
				t.Errorf("the last check of the report is %+v, want the one that refused", last)
			}
			if got.report.Identity != "" || got.report.Fingerprint != "" {
				t.Errorf("refused, but the report names %q", got.report.Identity)
			}

			twin := goodCall()
			if row.twin != nil {
				row.twin(twin)
			}
			got = twin.judge(t)
			if got.err != nil {
				t.Fatalf("the accepting twin is refused: %v", got.err)
			}
			if w := got.report.warnings(); !slices.Equal(w, row.warn) {
				t.Errorf("the twin passes with warnings %v, want %v", w, row.warn)
			}
		})
	}
	for _, code := range declaredCodes(t, "Edge", "Cert") {
		if !reached[code] {
			t.Errorf("no row reaches %s", code)
		}
	}
}

// declaredCodes reads the codes out of reason.go, so that a new one cannot be
// forgotten.
func declaredCodes(t *testing.T, prefixes ...string) (codes []Code) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(spec.Names[0].Name, p) }) {
				codes = append(codes, Code(strings.Trim(lit.Value, `"`)))
			}
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatalf("no codes of %v in reason.go: they are not found any more", prefixes)
	}
	return codes
}

// The differences that rows are made of.

func sends(name string, values ...string) func(*certCall) {
	return func(call *certCall) { call.header[http.CanonicalHeaderKey(name)] = values }
}

func omits(names ...string) func(*certCall) {
	return func(call *certCall) {
		for _, name := range names {
			call.header.Del(name)
		}
	}
}

func presents(leaf func(*testWorld) *holder, chain ...func(*testWorld) *holder) func(*certCall) {
	return func(call *certCall) {
		var above []*holder
		for _, h := range chain {
			above = append(above, h(world()))
		}
		call.client(leaf(world()), above...)
	}
}

func both(edits ...func(*certCall)) func(*certCall) {
	return func(call *certCall) {
		for _, edit := range edits {
			edit(call)
		}
	}
}

func warm(edits ...func(*certCall)) func(*certCall) {
	return both(append([]func(*certCall){func(call *certCall) { call.warm = true }}, edits...)...)
}

func r2(w *testWorld) *holder        { return w.r2 }
func r3(w *testWorld) *holder        { return w.r3 }
func legacySub(w *testWorld) *holder { return w.legacySub }
func legacy(w *testWorld) *holder    { return w.legacy }
