// Command a is contestant a: net/http reads the body and answers a constant.
package main

import (
	"log"
	"net/http"
	"os"

	"example.com/cxhook/bench/contestants/internal/constant"
)

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), constant.Handler()))
}
