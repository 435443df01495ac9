package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"example.com/cxhook/internal/freeport"
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
// environment of a Cloud Run function. Its output goes through a pipe, as there, to a
// reader that throws it away.
func start(c contestant, b binary, env []string) (*process, error) {
	port, err := freeport.Pick()
	if err != nil {
		return nil, err
	}
	p := &process{contestant: c, addr: "127.0.0.1:" + port, output: new(tail), ended: make(chan struct{})}
	p.cmd = exec.Command(b.argv[0], b.argv[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "GOMAXPROCS=1", "PORT=" + port,
		"FUNCTION_TARGET=Webhook", "FUNCTION_SIGNATURE_TYPE=http", "K_REVISION=cxhook-00001-abc", "K_CONFIGURATION=cxhook", "GOOGLE_CLOUD_PROJECT=local-project"}, env...)
	if !c.own {
		p.cmd.Env = append(p.cmd.Env, "K_SERVICE=cxhook")
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	if err := errors.Join(p.fork(), writer.Close()); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	drained := make(chan struct{})
	go func() {
		p.output.drain(reader)
		close(drained)
	}()
	go func() {
		p.err = p.cmd.Wait()
		<-drained // what it complained about is there
		close(p.ended)
	}()
	return p, nil
}

// fork starts the command on the server's core: a child has the affinity of the
// thread that forks it.
func (p *process) fork() error {
	return onServerCore(func() error {
		p.began = time.Now()
		return p.cmd.Start()
	})
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
		default:
		}
		// In the kernel: a timer of Go's would be a millisecond coarse.
		pause := unix.NsecToTimespec(int64(200 * time.Microsecond))
		if err := unix.Nanosleep(&pause, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return time.Time{}, err
		}
	}
	return time.Time{}, fmt.Errorf("contestant %s does not listen\n%s", p.name, p.output)
}

// cpu is the processor time that all threads of the process have had, those that
// have ended included, in nanoseconds' resolution: utime and stime of /proc have
// 10 ms. It is the kernel's clock of the process (clock_getcpuclockid).
func (p *process) cpu() (time.Duration, error) {
	return clock(int32(^p.cmd.Process.Pid<<3 | 2)) // 2 is CPUCLOCK_SCHED, of the whole process
}

// ownCPU is the same of this process.
func ownCPU() (time.Duration, error) { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clock(id int32) (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0, fmt.Errorf("clock %d: %w", id, err)
	}
	return time.Duration(ts.Nano()), nil
}

// busyTime is how long the server's core and the load's have worked, for whomever. Its
// resolution is 10 ms.
func busyTime() (time.Duration, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return 0, err
	}
	seconds := 0.0
	for _, core := range []int64{serverCore, loadCore} {
		c := stat.CPU[core] // zero on a machine that has it not
		seconds += c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
	}
	return time.Duration(seconds * 1e9), nil
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

// tail keeps the end of what comes out of a pipe.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const (
	tailBytes = 64 << 10 // a trace of all initialisations is 10 KB
	// pipeBytes hold what a server writes between two looks at the pipe: it must not
	// wait, and not wake a reader with every line.
	pipeBytes = 1 << 20
	pipePause = 2 * time.Millisecond
)

// drain reads until the other side is closed.
func (t *tail) drain(r *os.File) {
	defer r.Close()
	if conn, err := r.SyscallConn(); err == nil { // not Fd, which would make reads block a thread
		// Refused, the pipe has its usual 64 KiB, which is enough at lower rates.
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
	}
	buf := make([]byte, pipeBytes)
	for {
		n, err := r.Read(buf)
		t.keep(buf[:n])
		if err != nil {
			return
		}
		time.Sleep(pipePause)
	}
}

func (t *tail) keep(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailBytes):]...)
	t.text = append(t.text[:0], t.text[max(0, len(t.text)-tailBytes):]...)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

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

// onServerCore runs f there, on a thread of its own.
func onServerCore(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := pin(0, serverCore); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &before))
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
