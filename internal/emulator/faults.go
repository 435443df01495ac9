package emulator

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// Fault is something that goes wrong between Dialogflow and the function.
type Fault uint32

const (
	DropRequest    Fault = 1 << iota // the connection breaks before the function is asked
	DropAnswer                       // it breaks when the function has answered, and nothing of that is sent
	TruncateAnswer                   // it breaks in the middle of the answer
	SlowNetwork                      // SlowNetworkDelay passes before the function is asked
	BadGateway                       // the function is said to be out of reach: Google's 502 page
)

// SlowNetworkDelay is longer than Dialogflow's patience, unless that was set
// higher.
const SlowNetworkDelay = DefaultTimeout + time.Second

// errFault is the cause of what is broken on purpose.
var errFault = errors.New("broken on purpose")

// SetFault breaks or mends one thing for the requests that come from now on.
func (lb *LoadBalancer) SetFault(f Fault, on bool) {
	if on {
		lb.faults.Or(uint32(f))
	} else {
		lb.faults.And(^uint32(f))
	}
}

// broken calls the function through what is broken at the moment. An aborted
// handler's connection is closed without a word; over HTTP/2, its stream is reset.
func (lb *LoadBalancer) broken(c *call, w http.ResponseWriter, r *http.Request) {
	c.faults = Fault(lb.faults.Load())
	if c.faults&SlowNetwork != 0 {
		timer := time.NewTimer(SlowNetworkDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	switch {
	case c.faults&DropRequest != 0:
		panic(http.ErrAbortHandler)
	case c.faults&BadGateway != 0:
		lb.unreachable(w, r, errFault)
	default:
		lb.proxy.ServeHTTP(w, r)
	}
}

// breakAnswer breaks off an answer that has come.
func (c *call) breakAnswer(resp *http.Response) error {
	if c.faults&DropAnswer != 0 {
		resp.Body.Close()
		panic(http.ErrAbortHandler)
	}
	if c.faults&TruncateAnswer != 0 {
		all, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all[:len(all)/2]), brokenReader{}))
		resp.ContentLength = -1 // has the proxy flush what it gets; the header still tells the whole length
	}
	return nil
}

// brokenReader has nothing more to give.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errFault }
