package webhook

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// TestHeapFloor holds that the collector waits for 32 MB of garbage more, and that
// what an operator has set stands. That the floor takes no memory by itself is among
// the figures of a cold start (bench/).
func TestHeapFloor(t *testing.T) {
	t.Cleanup(func() { heapFloor = nil })
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "100")
		if raiseHeapFloor(); heapFloor != nil {
			t.Errorf("with %s set, the floor is raised", name)
		}
		t.Setenv(name, "")
	}

	runtime.GC()
	wait := untilNextCollection()
	raiseHeapFloor()
	runtime.GC()
	if longer := untilNextCollection() - wait; longer < heapFloorBytes*9/10 {
		t.Errorf("the collector waits for %d bytes more; want %d", longer, heapFloorBytes)
	}
}

// untilNextCollection is what may be allocated until the collector runs again.
func untilNextCollection() int {
	samples := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return int(samples[0].Value.Uint64()) - int(samples[1].Value.Uint64())
}
