package webhook

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"example.com/cxhook/cx"
)

// Calls that come together are read before the first of them is handled, and
// handled before the first has its line.
func TestStrides(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that one runs at a time
	const calls, rounds = 8, 40
	together := 0
	for range rounds {
		if read, handled := strides(t, calls); read > 1 && handled > 1 {
			together++
		}
	}
	// Now and then the scheduler takes one out of its turn. If nobody gave way, a
	// call would be the only one each time; not so under the race detector, whose
	// scheduler takes turns at random, and where this holds that no data is shared.
	if together <= rounds/2 {
		t.Errorf("in %d of %d rounds the first of %d calls waited for others; want most", together, rounds, calls)
	}
}

// strides gives how many calls had been read when the first was handled, and how
// many had been handled when the first had its line.
func strides(t *testing.T, calls int) (read, handled int64) {
	t.Helper()
	var mu sync.Mutex
	var hook *Hook
	var count int64
	hook = openHookTo(t, writerFunc(func(line []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if handled == 0 { // still so after the start's line, which comes before all calls
			handled = count
		}
		return len(line), nil
	}), func(context.Context, *cx.Request) (*cx.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == 1 {
			read = hook.calls.Load()
		}
		return cx.Say("done"), nil
	})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() { post(hook, "{}") })
	}
	wg.Wait()
	return read, handled
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
