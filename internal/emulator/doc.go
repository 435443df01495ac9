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
// # Where it differs from the real thing
//
// The PKI ([PKI]):
//   - All keys but the token issuer's are ECDSA P-256, where SSL.com and Google
//     have RSA: a start takes milliseconds. The shape of the chains is theirs.
//   - Of the leaf that Dialogflow presents, only CN=Google LLC is documented. Its
//     O, its address and that it has no SAN are assumptions.
//   - Names of authorities say that they are local.
//
// The token issuer ([Issuer]):
//   - Publishes one key, where Google publishes two or three; it never rotates.
//   - Mints tokens for whoever asks. Google asks for credentials first.
//
// The load balancer ([LoadBalancer]):
//   - A single process: no propagation time, no Cloud Armor, no CDN, no HTTP/3.
//   - A refused certificate in strict mode is answered with a TLS alert. Google
//     closes the connection; clients report an empty reply or a reset.
//   - client_cert_validation_timed_out is never reported.
//   - Google is not known to forward any dates of a certificate that it did not
//     verify. This one forwards valid_not_before and valid_not_after where the
//     leaf's dates are all that is wrong with it, so that a function behind
//     lenient mode can tell expired from untrusted. That is an assumption; where
//     Google leaves them empty, the function's reason is the general one.
//   - Size limits are taken to count bytes before base64 or hex; the
//     documentation does not say.
//   - Lists (SANs, chain) are joined with a bare comma, each item encoded by
//     itself; the documentation can be read in two ways.
//   - The chain header holds what the client sent besides the leaf, not the path
//     that was verified.
//   - The network is loopback: X-Forwarded-For ends in loopback addresses.
//
// Dialogflow ([Dialogflow]):
//   - No agent: no intents, pages, forms or flows are evaluated. A session keeps
//     its parameters and the target of the last transition, no more. The state
//     and value of form parameters in a response are not applied.
//   - One attempt: the real one tries again once after a timeout or a passing
//     failure.
//   - Fields of a response that it does not know are ignored.
//   - It offers br, as the real one does, and cannot read it.
//   - It calls http:// URLs too, which stands for whoever goes round the load
//     balancer; the real one calls https only.
//
// Sources:
// https://cloud.google.com/load-balancing/docs/https/custom-headers,
// https://cloud.google.com/load-balancing/docs/mtls,
// https://cloud.google.com/dialogflow/cx/docs/concept/webhook and …/concept/mtls.
package emulator
