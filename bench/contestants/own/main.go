// Command own is this module's webhook with what its function does not take on Cloud
// Run: contestant g, whose policy is insecure-none, and e with many routes
// (BENCH_ROUTES, the agent's own among them).
//
// It is started as elsewhere than on Cloud Run, and sets K_SERVICE when it is
// configured: functions-framework writes two empty lines a call where that is set,
// and all contestants of a framework are to pay for them.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"

	webhook "example.com/cxhook"
	"example.com/cxhook/bench/contestants/internal/entry"
	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
)

func main() {
	routes, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_ROUTES"), "1"))
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := webhook.ConfigFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	cfg.Register = func(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
		for i := range routes - 1 {
			cx.Handle(m, fmt.Sprintf("tag-%05d", i), another)
		}
		return handlers.Register(ctx, m)
	}
	hook, err := webhook.New(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	for name, value := range map[string]string{"K_SERVICE": "cxhook", "FUNCTION_TARGET": "Own"} { // Webhook is taken
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
	}
	floor := make([]byte, 32<<20) // as the function has on Cloud Run: see heap.go there
	entry.Serve(hook.ServeHTTP)
	runtime.KeepAlive(floor)
}

func another(context.Context, *cx.Request, struct{}) (*cx.Response, error) { return cx.Say("No."), nil }
