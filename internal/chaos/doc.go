// Package chaos breaks what stands around the function, on purpose, and counts what
// becomes of each call: answered rightly, refused rightly, or lost. It has tests
// alone. Run them with
//
//	go -C internal/chaos test ./... -v
//
// A call is answered rightly if the caller got status 200 and exactly the body that
// the handler made. It is refused rightly if the caller was told so, by a status or
// by a connection that broke, in the way that the scenario expects and within its
// patience. It is lost if it is neither, or if the function's log does not have the
// line of a call that was answered, or has two: both sides are counted.
//
// The module is nested so that the proxy, the leak detector and the plots are no
// dependencies of the function.
package chaos
