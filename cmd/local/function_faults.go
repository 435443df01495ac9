package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

// The faults that stand in the function itself, and what they are called.
const (
	faultSlowHandler   = "slow-handler"
	faultLargeResponse = "response-over-limit"
)

// obeyed is the line of the log that tells the parent that an order was carried
// out.
const obeyed = "obeyed"

// handlerFaults break the agent's handlers on the parent's order. The handlers
// themselves know nothing of it.
type handlerFaults struct{ slow, large atomic.Bool }

// obey carries out the parent's orders, one a line: the name of a fault and on or
// off. It returns when the parent is gone.
func (f *handlerFaults) obey(orders io.Reader, log *slog.Logger) {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		name, to, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case faultSlowHandler:
			f.slow.Store(to == "on")
		case faultLargeResponse:
			f.large.Store(to == "on")
		default:
			continue // the parent waits in vain, and says so
		}
		log.Info(obeyed)
	}
}

// middleware does what is broken at the moment.
func (f *handlerFaults) middleware(next cx.HandlerFunc) cx.HandlerFunc {
	return func(ctx context.Context, req *cx.Request) (*cx.Response, error) {
		if f.slow.Load() {
			<-ctx.Done()
			return nil, fmt.Errorf("%s: %w", faultSlowHandler, ctx.Err())
		}
		resp, err := next(ctx, req)
		if err == nil && resp != nil && f.large.Load() {
			large := *resp
			large.Payload = jsontext.Value(`{"fault":"` + strings.Repeat(".", cx.MaxResponseBytes) + `"}`)
			resp = &large
		}
		return resp, err
	}
}
