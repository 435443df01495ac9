package webhook

import (
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
)

// TestHeapFloor holds that the collector waits for 32 MB of garbage more, and that
// what an operator has set stands.
func TestHeapFloor(t *testing.T) {
	t.Cleanup(heapFloor.Reset)
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "100")
		if raiseHeapFloor(); heapFloor.Cap() != 0 {
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

// TestHeapFloorIsNotTouched raises the floor where others have used the memory before,
// as under load: it takes none by itself.
func TestHeapFloorIsNotTouched(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says in /proc/self/statm what is resident")
	}
	t.Cleanup(heapFloor.Reset)
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	for range 4 { // garbage, where the floor will be
		used := make([][]byte, 32)
		for i := range used {
			used[i] = make([]byte, 128<<10)
		}
	}
	runtime.GC()
	before := resident(t)
	raiseHeapFloor()
	if grown := resident(t) - before; grown > heapFloorBytes/4 {
		t.Errorf("%d bytes more are resident; want next to none of the floor's %d", grown, heapFloorBytes)
	}
}

// resident is the process's resident memory in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// untilNextCollection is what may be allocated until the collector runs again.
func untilNextCollection() int {
	samples := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return int(samples[0].Value.Uint64()) - int(samples[1].Value.Uint64())
}
