package webhook

import (
	"os"
	"strings"
)

// heapFloorBytes is how much is allocated at least from one run of the garbage
// collector to the next. Go's own 4 MB are that of 300 calls.
const heapFloorBytes = 32 << 20

// heapFloor is memory that the collector counts and nobody touches, so that the
// kernel never has to find it. It is a Builder's, which are not made zero: of a slice
// the runtime writes every byte if another object was in the first of its pages.
var heapFloor strings.Builder

// raiseHeapFloor lets the collector wait. It runs when the heap has doubled, and a
// function holds so little that this is every few milliseconds under load, with
// calls that wait for it. GOGC would help as well, but multiplies what the handlers
// hold too; where the operator has set it, or GOMEMLIMIT, nothing is changed. It is
// called when the start is over, which is not to pay for the collector's tables.
//
// Source: https://go.dev/doc/gc-guide#GOGC
func raiseHeapFloor() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		heapFloor.Grow(heapFloorBytes)
	}
}
