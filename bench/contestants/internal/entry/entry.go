// Package entry starts a contestant as the generated main of a function does.
package entry

import (
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

// Serve registers h as the function that FUNCTION_TARGET names and serves it on
// loopback at PORT. It does not return.
func Serve(h http.HandlerFunc) {
	functions.HTTP(os.Getenv("FUNCTION_TARGET"), h)
	for _, path := range []string{"/robots.txt", "/favicon.ico"} {
		http.HandleFunc(path, http.NotFound)
	}
	if err := funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
