package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
)

// target is what the load is aimed at.
type target struct {
	*process
	answer []byte        // the one that every call must get
	next   func() []byte // the bytes of the next call
}

// measured is what a closed loop, or an open one, came to.
type measured struct {
	calls   int
	elapsed time.Duration
	cpu     time.Duration // of the server
	load    time.Duration // of this process meanwhile
	others  time.Duration // that other processes had of the two cores
	latency *hdrhistogram.Histogram
}

func (m *measured) perSecond() float64    { return float64(m.calls) / m.elapsed.Seconds() }
func (m *measured) perCPUSecond() float64 { return float64(m.calls) / m.cpu.Seconds() }
func (m *measured) cpuPerCall() float64   { return float64(m.cpu.Microseconds()) / float64(m.calls) }
func (m *measured) othersShare() float64  { return m.others.Seconds() / (2 * m.elapsed.Seconds()) }
func (m *measured) loadPerCall() float64  { return float64(m.load.Microseconds()) / float64(m.calls) }
func (m *measured) quantile(q float64) float64 {
	return float64(m.latency.ValueAtQuantile(q)) / 1e3 // µs
}

// newHistogram is for nanoseconds up to a minute, to three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Minute), 3) }

// exchange sends one call and reads its answer, which must be 200 and the one that is
// expected.
type exchange struct {
	w      io.Writer
	r      *bufio.Reader
	answer fasthttp.Response
}

func (x *exchange) do(raw, want []byte) error {
	if _, err := x.w.Write(raw); err != nil {
		return err
	}
	if err := x.answer.ReadLimitBody(x.r, 1<<20); err != nil {
		return err
	}
	if x.answer.StatusCode() != http.StatusOK || !bytes.Equal(x.answer.Body(), want) {
		return fmt.Errorf("answer %d: %.300s", x.answer.StatusCode(), x.answer.Body())
	}
	return nil
}

// closedLoop drives t over n connections, each of which sends its next call when it
// has its answer, for d. Each connection has made one call before the clock starts.
// What it cannot see is a caller who would not have waited: see openLoop.
func closedLoop(t *target, n int, d time.Duration) (*measured, error) {
	return drive(t, n, func(calls int, since time.Duration) bool { return since < d })
}

// exactly drives t over n connections with that many calls.
func exactly(t *target, n, calls int) (*measured, error) {
	var taken atomic.Int64
	return drive(t, n, func(int, time.Duration) bool { return taken.Add(1) <= int64(calls) })
}

func drive(t *target, n int, more func(calls int, since time.Duration) bool) (*measured, error) {
	var ready, done sync.WaitGroup
	var begin time.Time
	var calls atomic.Int64
	problems, histograms := make([]error, n), make([]*hdrhistogram.Histogram, n)
	start, failed := make(chan struct{}), atomic.Bool{}
	for i := range n {
		histograms[i] = newHistogram()
		ready.Add(1)
		done.Go(func() {
			x, closer, err := dial(t)
			if err == nil {
				defer closer.Close()
				err = x.do(t.next(), t.answer)
			}
			ready.Done()
			if problems[i] = err; err != nil {
				failed.Store(true)
				return
			}
			<-start
			for mine := 0; !failed.Load(); mine++ {
				sent := time.Now()
				if !more(mine, sent.Sub(begin)) {
					break
				}
				if err := x.do(t.next(), t.answer); err != nil {
					problems[i] = err
					failed.Store(true)
					break
				}
				histograms[i].RecordValue(int64(time.Since(sent)))
				calls.Add(1)
			}
		})
	}
	ready.Wait()
	m, err := t.meter(func() {
		begin = time.Now()
		close(start)
		done.Wait()
	})
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, fmt.Errorf("contestant %s: %w\n%s", t.name, err, t.output)
	}
	for _, h := range histograms {
		m.latency.Merge(h)
	}
	m.calls = int(calls.Load())
	return m, nil
}

// meter measures what f takes of time and of both processors.
func (t *target) meter(f func()) (*measured, error) {
	busy, err0 := busyTime()
	server, err := t.cpu()
	load, err2 := ownCPU()
	begin := time.Now()
	f()
	m := &measured{elapsed: time.Since(begin), latency: newHistogram()}
	after, err3 := t.cpu()
	loadAfter, err4 := ownCPU()
	busyAfter, err5 := busyTime()
	m.cpu, m.load = after-server, loadAfter-load
	m.others = max(0, busyAfter-busy-m.cpu-m.load)
	return m, errors.Join(err0, err, err2, err3, err4, err5)
}

func dial(t *target) (*exchange, io.Closer, error) {
	conn, err := net.Dial("tcp", t.addr)
	if err != nil {
		return nil, nil, err
	}
	// Longer than any measurement: a deadline for each call would cost a timer.
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return &exchange{w: conn, r: bufio.NewReader(conn)}, conn, nil
}
