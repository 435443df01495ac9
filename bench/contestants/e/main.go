// Command e is contestant e: this module's function as it is deployed. The main is
// the one that Google's Go buildpack writes (cmd/go/functions_framework); it alone
// listens on loopback. Contestants f and g are the same program.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/cxhook"
)

func main() {
	for _, path := range []string{"/robots.txt", "/favicon.ico"} {
		http.HandleFunc(path, http.NotFound)
	}
	if err := funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
