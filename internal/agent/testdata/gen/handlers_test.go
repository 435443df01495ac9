package handlers

import (
	"context"
	"flag"
	"net/http"
	"path/filepath"
	"testing"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
)

var update = flag.Bool("update", false, "write the responses in testdata")

// handler is the agent as the function serves it.
func handler(t *testing.T) http.Handler {
	t.Helper()
	m := cx.NewMux()
	release, err := Register(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if release != nil {
		t.Cleanup(func() { release(context.Background()) })
	}
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestConversations plays the files in testdata; with -update it writes the
// responses as they come.
func TestConversations(t *testing.T) {
	const files = "testdata/*.txtar"
	if found, _ := filepath.Glob(files); len(found) == 0 {
		t.Skip("SKIPPED: no conversations in testdata")
	}
	cxtest.Run(t, handler(t), files, *update)
}
