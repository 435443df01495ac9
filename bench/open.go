package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// openLoop calls t at a fixed rate for d, whether it answers or not: call i is due at
// i/rate, and its latency counts from then, not from when a connection was free for
// it. So a server that stands still is charged for all who would have called
// meanwhile (coordinated omission). late is how much after its time each call was
// sent: the load's own share, and that of calls that found all n connections busy.
//
// vegeta, the usual library for this, counts from the moment of sending. So does
// whatever sleeps in Go's scheduler, whose timers are a millisecond coarse when it is
// idle. Here each connection has a thread that sleeps and reads in the kernel.
func openLoop(ctx context.Context, t *target, n int, rate float64, d time.Duration) (m *measured, late *hdrhistogram.Histogram, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n + 2)) // a thread that waits in the kernel keeps its P for a while
	total := int64(rate * d.Seconds())
	var next atomic.Int64
	var ready, done sync.WaitGroup
	start := make(chan time.Duration, n)
	problems, latencies, lates := make([]error, n), make([]*hdrhistogram.Histogram, n), make([]*hdrhistogram.Histogram, n)
	for i := range n {
		latencies[i], lates[i] = newHistogram(), newHistogram()
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			c, err := connect(t.addr)
			if err == nil {
				defer c.Close()
			}
			x := &exchange{w: c, r: bufio.NewReader(c)}
			if err == nil {
				err = x.do(t.next(), t.answer)
			}
			ready.Done()
			begin := <-start
			for err == nil && ctx.Err() == nil {
				call := next.Add(1) - 1
				if call >= total {
					break
				}
				due := begin + time.Duration(float64(call)/rate*1e9)
				var sent, answered time.Duration
				if sent, err = sleepUntil(due); err != nil {
					break
				}
				if err = x.do(t.next(), t.answer); err != nil {
					break
				}
				if answered, err = clock(unix.CLOCK_MONOTONIC); err != nil {
					break
				}
				latencies[i].RecordValue(int64(answered - due))
				lates[i].RecordValue(int64(sent - due))
			}
			problems[i] = err
		})
	}
	ready.Wait()
	now, err := clock(unix.CLOCK_MONOTONIC)
	if err != nil {
		return nil, nil, err
	}
	m, err = t.meter(func() {
		for range n {
			start <- now + 10*time.Millisecond
		}
		done.Wait()
	})
	if err := errors.Join(append(problems, err, ctx.Err())...); err != nil {
		return nil, nil, fmt.Errorf("contestant %s: %w\n%s", t.name, err, t.output)
	}
	late = newHistogram()
	for i := range n {
		m.latency.Merge(latencies[i])
		late.Merge(lates[i])
	}
	m.calls = int(total)
	return m, late, nil
}

// callTimeout bounds a call: no contestant is this slow.
const callTimeout = 30 * time.Second

// sleepUntil returns at a time of the monotonic clock, or at once if it has passed,
// and gives the time then.
func sleepUntil(due time.Duration) (time.Duration, error) {
	for {
		now, err := clock(unix.CLOCK_MONOTONIC)
		if err != nil || now >= due {
			return now, err
		}
		ts := unix.NsecToTimespec(int64(due))
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return now, err
		}
	}
}

// socket is a connection whose reads block its thread in the kernel.
type socket int

func connect(addr string) (socket, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	timeout := unix.NsecToTimeval(int64(callTimeout))
	err = errors.Join(
		// The kernel may otherwise wake a sleeper 50 µs late, to save wakings.
		unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return socket(fd), nil
}

func (s socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), p)
		switch {
		case errors.Is(err, unix.EINTR): // a signal of Go's scheduler
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errors.New("the connection was closed")
		default:
			return n, nil
		}
	}
}

func (s socket) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n, err := unix.Write(int(s), p[done:])
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, err
		}
		done += max(n, 0)
	}
	return len(p), nil
}

func (s socket) Close() error { return unix.Close(int(s)) }
