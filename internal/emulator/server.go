package emulator

import (
	"log"
	"net/http"
	"time"
)

// Limits of the servers that the emulator starts.
const (
	handshakeTimeout  = 10 * time.Second
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	// backendTimeout is for how long the function may take; Dialogflow waits 30 s
	// at most.
	backendTimeout = 60 * time.Second
	writeTimeout   = backendTimeout + readTimeout // it counts from the header on
	idleTimeout    = 2 * time.Minute
	// maxHeaderBytes bounds URL and headers of a request.
	//
	// Source: https://cloud.google.com/load-balancing/docs/quotas#https-lb-header-limits
	maxHeaderBytes = 60 << 10
)

// newServer has every limit set; http.Server itself has none.
func newServer(h http.Handler, errors *log.Logger) *http.Server {
	return &http.Server{Handler: h, ErrorLog: errors, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout}
}
