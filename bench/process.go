package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// process is a running contestant.
type process struct {
	contestant
	addr   string
	began  time.Time // right before the fork
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{}
	err    error // how it ended, once ended is closed
}

// start runs a contestant on a port of its own, pinned to the server's core, in the
// environment of a Cloud Run function. Its output goes through pipes, as there, to a
// reader that throws it away.
func start(c contestant, b binary, env []string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close() // the program takes it
	port := addr[strings.LastIndexByte(addr, ':')+1:]
	p := &process{contestant: c, addr: addr, output: new(tail), ended: make(chan struct{})}
	p.cmd = exec.Command(b.argv[0], b.argv[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "GOMAXPROCS=1", "PORT=" + port,
		"FUNCTION_TARGET=Webhook", "FUNCTION_SIGNATURE_TYPE=http", "K_REVISION=cxhook-00001-abc", "K_CONFIGURATION=cxhook", "GOOGLE_CLOUD_PROJECT=local-project"}, env...)
	if !c.own {
		p.cmd.Env = append(p.cmd.Env, "K_SERVICE=cxhook")
	}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.fork(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// fork starts the command on the server's core: a child has the affinity of the
// thread that forks it.
func (p *process) fork() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return err
	}
	if err := pin(0, serverCore); err != nil {
		return err
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	return unix.SchedSetaffinity(0, &own)
}

// stop ends the process.
func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.ended
}

// ready waits until the process listens, and says when it did.
func (p *process) ready(ctx context.Context) (time.Time, error) {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			now := time.Now()
			conn.Close()
			return now, nil
		}
		select {
		case <-p.ended:
			return time.Time{}, fmt.Errorf("contestant %s ended: %v\n%s", p.name, p.err, p.output)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
	return time.Time{}, fmt.Errorf("contestant %s does not listen\n%s", p.name, p.output)
}

// cpu is the processor time that all threads of the process have had, those that
// have ended included, in nanoseconds' resolution: utime and stime of /proc have
// 10 ms. It is the kernel's clock of the process (clock_getcpuclockid).
func (p *process) cpu() (time.Duration, error) {
	const perProcess = 2 // CPUCLOCK_SCHED, and not of one thread
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|perProcess), &ts); err != nil {
		return 0, fmt.Errorf("contestant %s: CPU clock: %w", p.name, err)
	}
	return time.Duration(ts.Nano()), nil
}

// rss is the memory of the process that is resident, in bytes.
func (p *process) rss() (uint64, error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	status, err := proc.NewStatus()
	return status.VmRSS, err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailBytes):]...)
	if len(t.text) > 16*tailBytes {
		t.text = append(t.text[:0], t.text[len(t.text)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text[max(0, len(t.text)-tailBytes):])
}

var _ io.Writer = (*tail)(nil)

// The cores: contestants on one, the load and the key server on the other. On a
// machine of one core they share it, and the report says so.
const serverCore, loadCore = 0, 1

func pin(tid, core int) error {
	if runtime.NumCPU() < 2 {
		return nil
	}
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(tid, &set)
}

// pinSelf puts all threads of this process, and so those to come, on the load's core.
func pinSelf() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		if err := pin(tid, loadCore); err != nil {
			return fmt.Errorf("pin to core %d: %w", loadCore, err)
		}
	}
	return nil
}
