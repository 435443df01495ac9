package emulator

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// docs/emulator.md names constants with their values, as `name` (value): they are
// the code's, and all that it ought to name are there.
func TestDocumentedConstants(t *testing.T) {
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"keysMaxAge": keysMaxAge, "tokenLifetime": tokenLifetime,
		"maxIntermediates": maxIntermediates, "maxDepth": maxDepth, "maxSameKey": maxSameKey, "maxNameConstraints": maxNameConstraints,
		"minRSABits": minRSABits, "maxRSABits": maxRSABits, "maxHeaderBytes": maxHeaderBytes, "MaxBodyBytes": MaxBodyBytes,
		"DefaultTimeout": DefaultTimeout, "MaxResponseBytes": MaxResponseBytes, "sessionLife": sessionLife, "maxSessions": maxSessions, "maxTurns": maxTurns, "maxTrail": maxTrail, "maxSessionBytes": maxSessionBytes,
		"SlowNetworkDelay": SlowNetworkDelay,
	}
	for _, m := range regexp.MustCompile("`([A-Za-z]+)` \\(([^)]+)\\)").FindAllStringSubmatch(string(page), -1) {
		switch value, ok := want[m[1]]; {
		case !ok:
			t.Errorf("the page has %s, which this test does not know, or twice", m[0])
		case fmt.Sprint(value) != m[2]:
			t.Errorf("the page has %s; it is %v", m[0], value)
		}
		delete(want, m[1])
	}
	for name := range want {
		t.Errorf("the page does not name %s", name)
	}
}
