// Package emulator is what stands outside the function in the cloud, on
// loopback and offline: a PKI, Google's token issuer, Google's load balancer with
// frontend mutual TLS, and Dialogflow CX. The tests and cmd/local use the same
// one. Every key is made at run time and forgotten with the process.
//
// The path of a call is that of production: Dialogflow opens a TLS connection
// with its client certificate, the load balancer judges the certificate, throws
// away what the client sent under the header names that it sets itself, sets
// them, and forwards the call to the function, which believes none of this
// until package verify has proved it. Nothing here imports the function or its
// protocol package: this is a second, independent reading of Google's
// documentation.
//
// Where each of them differs from the real thing, row by row and with sources, is
// in docs/emulator.md. In short:
//
//   - The PKI ([PKI]) has the shape of Google's chains, with faster keys.
//   - The token issuer ([Issuer]) publishes one key, and mints for whoever asks.
//   - The load balancer ([LoadBalancer]) is one process on loopback. Strict mode
//     refuses with a TLS alert, where Google says nothing.
//   - Dialogflow ([Dialogflow]) has no agent: it keeps sessions, and evaluates no
//     intents, pages, forms or flows.
package emulator
