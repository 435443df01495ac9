package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// leakTime is how long connections that were closed may take to be gone.
const leakTime = 5 * time.Second

// noLeaks holds that a scenario leaves no goroutine and no descriptor behind. It is
// to be called first, so that it looks last.
func noLeaks(t *testing.T) {
	t.Helper()
	before := descriptors(t, os.Getpid())
	ignored := []goleak.Option{goleak.IgnoreCurrent(),
		// A toxic that ends a connection may leave what stands before it waiting to
		// hand on what still came. It is the proxy's: none of ours is in its stack.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read")}
	t.Cleanup(func() {
		deadline := time.Now().Add(leakTime)
		err := goleak.Find(ignored...)
		for err != nil && time.Now().Before(deadline) {
			err = goleak.Find(ignored...)
		}
		if err != nil {
			t.Errorf("goroutines are left behind: %v", err)
		}
		after := descriptors(t, os.Getpid())
		for len(after) > len(before) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
			after = descriptors(t, os.Getpid())
		}
		if len(after) > len(before) {
			t.Errorf("descriptors are left behind: %d, %d before the scenario: %q, %q", len(after), len(before), after, before)
		}
	})
}

// descriptors lists what a process has open.
func descriptors(t *testing.T, pid int) (open []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("descriptors are counted in /proc, which is Linux's: %v", err)
	}
	for _, entry := range entries {
		if to, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil { // not the one of this look
			open = append(open, to)
		}
	}
	return open
}
