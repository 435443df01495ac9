// Command d is contestant d, the honest rival: functions-framework-go, plain structs
// and encoding/json, idtoken.Validate and crypto/x509 on every call, and one line a
// call by Google's logging library on standard output.
package main

import (
	"context"
	"log"
	"os"
	"strings"

	"cloud.google.com/go/logging"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/api/monitoredres"

	"example.com/cxhook/bench/contestants/internal/entry"
	"example.com/cxhook/bench/contestants/internal/rival"
)

func main() {
	const project = "local-project"
	client, err := logging.NewClient(context.Background(), "projects/"+project, option.WithoutAuthentication())
	if err != nil {
		log.Fatal(err)
	}
	logger := client.Logger("calls", logging.RedirectAsJSON(os.Stdout),
		logging.CommonResource(&monitoredres.MonitoredResource{Type: "cloud_run_revision"})) // or it would ask the metadata server
	entry.Serve(rival.Handler(func(c rival.Call) {
		id, _, _ := strings.Cut(c.Request.Header.Get("X-Cloud-Trace-Context"), "/")
		e := logging.Entry{Severity: logging.Info, Payload: "answered", Trace: "projects/" + project + "/traces/" + id,
			HTTPRequest: &logging.HTTPRequest{Request: c.Request, Status: c.Status, ResponseSize: int64(c.Size), Latency: c.Took}}
		if c.Err != nil {
			e.Severity, e.Payload = logging.Warning, c.Err.Error()
		}
		logger.Log(e)
	}))
}
