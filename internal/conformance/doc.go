// Package conformance holds cx against Google's own definition of the protocol:
// cxpb, generated from the protos of v3 and v3beta1. It is a module of its own so
// that nothing of cxpb reaches a function. Run it with
//
//	go -C internal/conformance test -v ./...
//
// Recorded requests and responses are read from the directory that CX_CORPUS
// names, or ../shared/corpus beside the repository; without it their tests are
// skipped. The tables of what becomes of them are in testdata (-update writes
// them).
//
// What is deployed is held in packages of their own: buildpack builds and calls
// the function as Google would, cloudbuild runs the build's scripts, deploy checks
// the files of deploy/ and runs its script through a deployment's life; strict decodes them, and gcloud is the real one against a
// fake of Google's APIs, skipped where it is not installed.
package conformance
