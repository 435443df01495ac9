package buildpack

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// TestReproducible: the same source gives the same bytes. Google's buildpack always
// builds in one directory and says nothing of paths, so that is what is held: another
// build cache, nothing left of the first build. What it takes to have the same bytes
// from another directory too is -trimpath, which the buildpack does not set; that
// needs everything to be compiled twice more, and so runs with
// CXHOOK_TEST_REPRODUCIBLE=all (.ci/run full).
func TestReproducible(t *testing.T) {
	here, elsewhere := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "elsewhere")
	build := func(dir string, env ...string) [sha256.Size]byte {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		program, err := Build(root, dir, "-s -w", env...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b)
	}
	first := build(here)
	if again := build(here, "GOCACHE="+t.TempDir()); again != first {
		t.Errorf("the same directory, an empty cache: %x, then %x", first, again)
	}
	t.Logf("SHA-256 %x, twice", first)
	if os.Getenv("CXHOOK_TEST_REPRODUCIBLE") != "all" {
		t.Log("not built in another directory: CXHOOK_TEST_REPRODUCIBLE=all does")
		return
	}
	if other := build(elsewhere); other == first {
		t.Error("another directory gives the same bytes: -trimpath is not needed any more, say so in docs/reliability.md")
	}
	trimmed := build(here, "GOFLAGS=-trimpath")
	if again := build(elsewhere, "GOFLAGS=-trimpath", "GOCACHE="+t.TempDir()); again != trimmed {
		t.Errorf("-trimpath, another directory, an empty cache: %x, then %x", trimmed, again)
	}
	t.Logf("SHA-256 %x with -trimpath, twice", trimmed)
}
