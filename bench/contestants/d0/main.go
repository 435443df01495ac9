// Command d0 is contestant d without its log.
package main

import (
	"example.com/cxhook/bench/contestants/internal/entry"
	"example.com/cxhook/bench/contestants/internal/rival"
)

func main() { entry.Serve(rival.Handler(func(rival.Call) {})) }
