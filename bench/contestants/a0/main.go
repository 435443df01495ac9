// Command a0 is contestant a0: a through functions-framework-go, the platform's
// floor.
package main

import (
	"example.com/cxhook/bench/contestants/internal/constant"
	"example.com/cxhook/bench/contestants/internal/entry"
)

func main() { entry.Serve(constant.Handler()) }
