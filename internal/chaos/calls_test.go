package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/emulator"
)

// callers is how many calls are under way at a time.
const callers = 4

// calls makes n calls as an agent does, and gives what became of them. Connections
// are kept from one to the next, and closed at the end.
func (p *path) calls(n int) []result {
	p.t.Helper()
	certificate, err := p.pki.ClientCertificate("google")
	if err != nil {
		p.t.Fatal(err)
	}
	token := func(context.Context) (string, error) {
		if p.token != nil {
			return p.token()
		}
		return p.issuer.Token("valid", p.url, project)
	}
	d, err := emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: p.url, ServerRoots: p.pki.ServerRoots(), ClientCertificate: certificate, Token: token, Timeout: p.patience})
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.CloseIdleConnections()
	results := make([]result, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(orElse(p.concurrent, callers), n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				var x *emulator.Exchange
				results[i], x = call(p.t, d)
				if p.patience > 0 && x != nil && x.Timings.Total >= p.patience {
					results[i].outcome = timeout // the balancer's 502 may still come as the caller hangs up
				}
			}
		})
	}
	wg.Wait()
	for i, r := range results {
		if cause, ok := p.causes.Load(r.trace); ok {
			results[i].detail = fmt.Sprint(r.detail, " ", cause)
		}
	}
	return results
}

// call makes one call, whose session no other has. The exchange is nil if none could
// be made.
func call(t *testing.T, d *emulator.Dialogflow) (result, *emulator.Exchange) {
	r := result{trace: newTrace()}
	body, answer := sample(t, r.trace)
	x, err := d.Call(t.Context(), emulator.Call{Body: body, Header: traceHeader(r.trace), Verbatim: true})
	switch {
	case err != nil:
		r.outcome, r.detail = "no call", err.Error()
	case x.Failed != "":
		r.outcome, r.detail = outcome(x.Failed), x.Err.Error()
	case x.Status == http.StatusOK && !bytes.Equal(x.Response, answer):
		r.outcome, r.detail = "wrong answer", string(x.Response)
	default:
		r.outcome = outcome(strconv.Itoa(x.Status))
	}
	return r, x
}

func newTrace() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func traceHeader(trace string) http.Header {
	return http.Header{"X-Cloud-Trace-Context": {trace + "/1"}}
}

// sample gives a call to the example's handlers and the answer that is right.
func sample(t *testing.T, session string) (body, answer []byte) {
	body, err := emulator.SampleCall(emulator.Sample{Session: session})
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	req, err := cx.DecodeRequest(body)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	answer, err = cx.EncodeResponse(cx.Say("Thank you! One large, red shirt is on its way to you.").
		WithParameter("order", struct {
			ID    string `json:"id"`
			Color string `json:"color"`
			Size  string `json:"size"`
		}{req.IdempotencyKey()[:8], "red", "large"}))
	if err != nil {
		t.Error(err)
	}
	return body, answer
}

// recovers waits until a call is answered again; then all are.
func (p *path) recovers(scenario string) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		first := p.calls(1)
		p.log.forget(first) // it may have come too early
		if first[0].outcome == right {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatal("calls fail for 20 s after everything was mended")
		}
	}
	p.count(scenario, p.calls(20), want{outcomes: map[outcome]int{right: 20}})
}

// count waits for the lines of the calls, counts, and reports.
func (p *path) count(scenario string, results []result, w want) {
	p.t.Helper()
	report(scenario, count(p.t, results, p.log.of(results, w.outcomes[right]+w.refusedLines), w))
}

func orElse(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}
