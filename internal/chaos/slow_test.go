package chaos

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Slow callers of the standalone server, all at once: each sends a byte now and then,
// in the headers or in the body, or nothing more. Each is answered or cut off within
// slowTime, the calls of others are answered meanwhile, and no descriptor is left.
func TestSlowCallers(t *testing.T) {
	noLeaks(t)
	const each = 40
	body, answer := sample(t, "slow")
	head := func(trace, secret string) string {
		return fmt.Sprintf("POST /shirts HTTP/1.1\r\nHost: x\r\nX-Cloud-Trace-Context: %s/1\r\nContent-Type: application/json\r\n%s: %s\r\nContent-Length: %d\r\n\r\n", trace, headerName, secret, len(body))
	}
	text := string(body)
	rows := []struct {
		scenario string
		send     func(trace string) (atOnce, byteByByte string)
		want     outcome
		lines    int // of those that are refused
		reason   string
	}{
		{"slow: headers byte by byte", func(tr string) (string, string) {
			return "POST /shirts HTTP/1.1\r\n", head(tr, headerSecret)[23:] + text
		}, closedConnection, 0, ""},
		{"slow: half of the headers", func(tr string) (string, string) { return head(tr, headerSecret)[:80], "" }, closedConnection, 0, ""},
		{"slow: a connection and nothing more", func(string) (string, string) { return "", "" }, closedConnection, 0, ""},
		{"slow: a body byte by byte", func(tr string) (string, string) { return head(tr, headerSecret), text }, "408", each, "body_incomplete"},
		{"slow: half of the body", func(tr string) (string, string) { return head(tr, headerSecret) + text[:100], "" }, "408", each, "body_incomplete"},
		{"slow: a stranger's body", func(tr string) (string, string) { return head(tr, "a-secret-that-is-not-the-agents"), text }, "403", each, "header_secret_wrong"},
		{"slow: the last 20 bytes, one by one", func(tr string) (string, string) {
			return head(tr, headerSecret) + text[:len(text)-20], text[len(text)-20:]
		}, right, 0, ""},
	}
	log := newLines()
	p := startStandalone(t, log)
	open := len(descriptors(t, p.cmd.Process.Pid))
	results := make([][]result, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		results[i] = make([]result, each)
		for j := range each {
			wg.Go(func() {
				trace := newTrace()
				atOnce, byteByByte := row.send(trace)
				results[i][j] = slowCall(t, p.address, atOnce, byteByByte, answer)
				results[i][j].trace = trace
			})
		}
	}
	slow := make(chan struct{})
	go func() { wg.Wait(); close(slow) }()
	var others []result
	for caller, more := p.caller(callers), true; more; {
		others = append(others, caller.calls(callers, callers)...)
		select {
		case <-slow:
			more = false
			caller.client.CloseIdleConnections()
		case <-time.After(20 * time.Millisecond):
		}
	}
	report("slow: calls of others meanwhile", count(t, others, log.of(others, len(others)), want{outcomes: map[outcome]int{right: len(others)}}))
	for i, row := range rows {
		w := want{map[outcome]int{row.want: each}, row.lines}
		n := row.lines
		if row.want == right {
			n = each
		}
		report(row.scenario, count(t, results[i], log.of(results[i], n), w))
		if got := log.reasons(results[i])[row.reason]; got != n {
			t.Errorf("%s: %d lines with the reason %q, want %d", row.scenario, got, row.reason, n)
		}
	}
	p.descriptorsBack(open)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("it ended with %v", p.cmd.ProcessState)
	}
}

// descriptorsBack waits until the process has no more descriptors than before.
func (p *process) descriptorsBack(before int) {
	p.t.Helper()
	after := len(descriptors(p.t, p.cmd.Process.Pid))
	for deadline := time.Now().Add(leakTime); after > before && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		after = len(descriptors(p.t, p.cmd.Process.Pid))
	}
	if after > before {
		p.t.Errorf("the function has %d descriptors, %d before", after, before)
	}
}

// slowTime is within which slow callers get an answer or are cut off: the server
// waits 5 s for headers, and 4 s, the budget, for a body.
const slowTime = 8 * time.Second

// slowCall sends a part at once and the other a byte each 100 ms, as long as it is
// let, and gives what comes back.
func slowCall(t *testing.T, address, atOnce, byteByByte string, answer []byte) (r result) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return r
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(slowTime))
	sending.Go(func() {
		if _, err := io.WriteString(conn, atOnce); err != nil {
			return
		}
		for i := range len(byteByByte) {
			time.Sleep(100 * time.Millisecond)
			if _, err := conn.Write([]byte{byteByByte[i]}); err != nil {
				return
			}
		}
	})
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	var got []byte
	if err == nil {
		got, err = io.ReadAll(resp.Body)
	}
	r.judge(resp, got, answer, err)
	return r
}
