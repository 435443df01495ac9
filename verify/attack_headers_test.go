package verify

import (
	"net/http"
	"strings"
)

// headerAttacks forge or break the headers themselves.
func headerAttacks() []attack {
	leafOf := func(h *holder) string { return balancer(h.Certificate).Get("X-Client-Cert-Leaf") }
	hashOf := func(h *holder) string { return balancer(h.Certificate).Get("X-Client-Cert-Hash") }
	w := world()
	custom := DefaultGoogleLBHeaders()
	custom.Present, custom.Leaf = "x-frontend-present", "client_cert_leaf"
	declared := func(call *certCall) { call.certificate.Headers = custom }
	return []attack{
		// More than one value, in each form that reaches the function.
		{id: "C01-duplicate", do: sends("X-Client-Cert-Present", "true", "true"), code: CertHeaderDuplicate},
		{id: "C02-duplicate-empty-first", do: sends("X-Client-Cert-Error", "", "client_cert_validation_failed"), code: CertHeaderDuplicate},
		{id: "C03-duplicate-of-an-informative-one", do: sends("X-Client-Cert-Serial-Number", "00", "01"), code: CertHeaderDuplicate},
		{id: "C04-duplicate-http1", do: overHTTP1("X-Client-Cert-Hash: " + hashOf(w.mallory)), code: CertHeaderDuplicate, twin: overHTTP1()},
		{id: "C05-two-cases-http1", do: overHTTP1("x-client-CERT-leaf: " + leafOf(w.mallory)), code: CertHeaderDuplicate, twin: overHTTP1()},
		{id: "C06-two-cases-http2", do: overHTTP2(http.Header{"X-CLIENT-CERT-LEAF": {leafOf(w.mallory)}}), code: CertHeaderDuplicate, twin: overHTTP2(nil)},
		{id: "C07-duplicate-http2", do: overHTTP2(http.Header{"x-client-cert-chain-verified": {"true"}}), code: CertHeaderDuplicate, twin: overHTTP2(nil)},

		// The same, after a hop has joined them.
		{id: "C10-joined-true-true", do: sends("X-Client-Cert-Present", "true, true"), code: CertHeaderDuplicate},
		{id: "C11-joined-true-false", do: sends("X-Client-Cert-Chain-Verified", "true,false"), code: CertHeaderDuplicate},
		{id: "C12-joined-with-empty", do: sends("X-Client-Cert-Chain-Verified", "true,"), code: CertHeaderDuplicate},
		{id: "C13-two-leaves-in-one-header", do: sends("X-Client-Cert-Leaf", leafOf(w.mallory)+", "+leafOf(w.google)), code: CertHeaderDuplicate},
		{id: "C14-two-fingerprints-in-one-header", do: sends("X-Client-Cert-Hash", hashOf(w.google)+","+hashOf(w.mallory)), code: CertHeaderDuplicate},

		// Names and places that only look like a declared header.
		{id: "C20-underscores-stay-distinct", do: both(omits("X-Client-Cert-Leaf"), overHTTP1("X_Client_Cert_Leaf: "+leafOf(w.google))), code: CertLeafMissing, twin: overHTTP1("X_Client_Cert_Leaf: " + leafOf(w.mallory))},
		{id: "C21-trailer-http1", do: both(omits("X-Client-Cert-Leaf"), trailerOverHTTP1("X-Client-Cert-Leaf", leafOf(w.google))), code: CertLeafMissing, twin: trailerOverHTTP1("X-Client-Cert-Leaf", leafOf(w.mallory))},
		{id: "C22-trailer-http2", do: both(omits("X-Client-Cert-Leaf"), trailerOverHTTP2("X-Client-Cert-Leaf", leafOf(w.google))), code: CertLeafMissing, twin: trailerOverHTTP2("X-Client-Cert-Leaf", leafOf(w.mallory))},
		{id: "C23-hop-by-hop-list", do: throughProxy(withDirector, "X-Client-Cert-Leaf"), code: CertLeafMissing, twin: throughProxy(withRewrite, "X-Client-Cert-Leaf")},
		{id: "C24-hop-by-hop-list-edge", do: throughProxy(withDirector, DefaultEdgeHeader), code: EdgeSecretMissing, twin: throughProxy(withRewrite, DefaultEdgeHeader)},
		{id: "C25-folded-line", do: both(omits("X-Client-Cert-Present"), overHTTP1("X-Client-Cert-Present: true", " true")), code: CertHeaderMalformed, twin: both(omits("X-Client-Cert-Present"), overHTTP1("X-Client-Cert-Present: true"))},
		{id: "C26-other-fronts-headers", do: both(noCertificate("client_cert_not_provided"), sends("Client-Cert", leafOf(w.google)), sends("X-Forwarded-Client-Cert", "Hash=00;Subject=\"CN=Google LLC\"")), code: CertMissing,
			twin: both(sends("Client-Cert", leafOf(w.mallory)), sends("Client-Cert-Chain", leafOf(w.r3)), sends("X-Forwarded-Client-Cert", "Hash=00;Subject=\"CN=Mallory\""))},
		{id: "C27-undeclared-names", do: declared, code: CertHeadersIncomplete,
			twin: both(declared, rename("X-Client-Cert-Present", "X-Frontend-Present"), rename("X-Client-Cert-Leaf", "Client_cert_leaf"))},

		// A header list that is not whole: what is missing is the client's to forge.
		{id: "C30-no-headers", do: func(call *certCall) { call.header = http.Header{DefaultEdgeHeader: {testEdgeSecret}} }, code: CertHeadersMissing},
		{id: "C31-all-empty", do: func(call *certCall) {
			for name := range call.header {
				if name != DefaultEdgeHeader {
					call.header[name] = []string{""}
				}
			}
		}, code: CertHeadersMissing},
		{id: "C32-half-list-without-present", do: omits("X-Client-Cert-Present"), code: CertHeadersIncomplete},
		{id: "C33-half-list-verified-empty", do: sends("X-Client-Cert-Chain-Verified", ""), code: CertHeadersIncomplete},
		{id: "C34-half-list-without-fingerprint", do: omits("X-Client-Cert-Hash"), code: CertFingerprintMissing, twin: omits("X-Client-Cert-Serial-Number", "X-Client-Cert-Spiffe", "X-Client-Cert-Uri-Sans", "X-Client-Cert-Dnsname-Sans", "X-Client-Cert-Issuer-Dn", "X-Client-Cert-Subject-Dn", "X-Client-Cert-Valid-Not-Before", "X-Client-Cert-Valid-Not-After", "X-Client-Cert-Error")},
		{id: "C35-half-list-forged-leaf", do: both(presents(mallory, r2), sends("X-Client-Cert-Leaf", leafOf(w.google))), code: CertFingerprintMismatch},
		{id: "C36-half-list-without-leaf", do: omits("X-Client-Cert-Leaf"), code: CertLeafMissing, twin: omits("X-Client-Cert-Error")},

		// Values that the balancer does not write.
		{id: "C40-present-upper-case", do: sends("X-Client-Cert-Present", "TRUE"), code: CertHeaderMalformed},
		{id: "C41-verified-one", do: sends("X-Client-Cert-Chain-Verified", "1"), code: CertHeaderMalformed},
		{id: "C42-variable-unexpanded", do: sends("X-Client-Cert-Present", "{client_cert_present}"), code: CertHeaderMalformed},
		{id: "C43-fingerprint-in-hex", do: sends("X-Client-Cert-Hash", strings.Repeat("ab", 32)), code: CertHeaderMalformed, twin: sends("X-Client-Cert-Hash", hashOf(w.google)+"=")},
		{id: "C44-fingerprint-padded-twice", do: sends("X-Client-Cert-Hash", hashOf(w.google)+"=="), code: CertHeaderMalformed, twin: sends("X-Client-Cert-Hash", hashOf(w.google)+"=")},
		{id: "C45-leaf-header-too-large", do: sends("X-Client-Cert-Leaf", ":"+strings.Repeat("A", MaxCertificateHeaderBytes)+":"), code: CertHeaderTooLarge},
		{id: "C46-other-header-too-large", do: sends("X-Client-Cert-Spiffe", strings.Repeat("a", MaxCertificateHeaderBytes+1)), code: CertHeaderTooLarge,
			twin: sends("X-Client-Cert-Spiffe", strings.Repeat("a", MaxCertificateHeaderBytes)), warn: []Code{CertHeaderDiffers}},
		{id: "C47-too-many-forwarded", do: sends("X-Client-Cert-Chain", strings.Repeat(leafOf(w.r2)+", ", MaxForwardedCertificates)+leafOf(w.r2)), code: CertLeafMalformed,
			twin: sends("X-Client-Cert-Chain", strings.Repeat(leafOf(w.r2)+", ", MaxForwardedCertificates-1)+leafOf(w.r2))},
	}
}

func mallory(w *testWorld) *holder { return w.mallory }

func rename(from, to string) func(*certCall) {
	return func(call *certCall) {
		call.header[to] = call.header[from]
		delete(call.header, from)
	}
}

// noCertificate is what the balancer reports of a client without one, or with
// one that it could not verify and so does not describe.
func noCertificate(problem string) func(*certCall) {
	return func(call *certCall) {
		for name := range call.header {
			if name != DefaultEdgeHeader {
				call.header[name] = []string{""}
			}
		}
		call.header["X-Client-Cert-Present"], call.header["X-Client-Cert-Chain-Verified"] = []string{"false"}, []string{"false"}
		call.header["X-Client-Cert-Error"] = []string{problem}
	}
}

// notVerified is what the balancer reports of a client whose chain it could not
// verify, in lenient mode: the fingerprint and no more.
func notVerified(problem string) func(*certCall) {
	return func(call *certCall) {
		hash := call.header["X-Client-Cert-Hash"]
		noCertificate(problem)(call)
		call.header["X-Client-Cert-Present"], call.header["X-Client-Cert-Hash"] = []string{"true"}, hash
	}
}

// frontAttacks come with the balancer's own word against them.
func frontAttacks() []attack {
	problem := func(words string) func(*certCall) { return sends("X-Client-Cert-Error", words) }
	tolerated := []Code{CertSizeErrorTolerated}
	return []attack{
		{id: "F01-no-certificate", do: noCertificate("client_cert_not_provided"), code: CertMissing},
		{id: "F02-present-not-verified", do: notVerified("client_cert_validation_failed"), code: CertNotVerified},
		{id: "F03-present-not-verified-genuine-leaf", do: sends("X-Client-Cert-Chain-Verified", "false"), code: CertNotVerified},
		{id: "F04-verified-not-present", do: sends("X-Client-Cert-Present", "false"), code: CertMissing},
		{id: "F05-no-trust-config", do: notVerified("client_cert_validation_not_performed"), code: CertNotVerified},
		{id: "F06-front-found-no-eku", do: notVerified("client_cert_chain_invalid_eku"), code: CertNotVerified},
		{id: "F07-front-reason-unknown", do: notVerified("client_cert_of_the_future"), code: CertNotVerified},
		{id: "F08-front-expired", do: both(notVerified("client_cert_validation_failed"), sends("X-Client-Cert-Valid-Not-After", "2026-11-25T11:59:59+00:00")), code: CertExpired},
		{id: "F09-front-not-yet-valid", do: both(notVerified("client_cert_validation_failed"), sends("X-Client-Cert-Valid-Not-Before", "2026-11-25T12:00:01+00:00")), code: CertNotYetValid},
		// The balancer's log writes the start of 1970 where it has no date.
		{id: "F10-front-has-no-dates", do: both(notVerified("client_cert_validation_failed"), sends("X-Client-Cert-Valid-Not-After", "1970-01-01T00:00:00Z"), sends("X-Client-Cert-Valid-Not-Before", "1970-01-01T00:00:00Z")), code: CertNotVerified},
		// The dates explain the one word that has two meanings, and no other.
		{id: "F11-front-found-no-eku-and-expired", do: both(notVerified("client_cert_chain_invalid_eku"), sends("X-Client-Cert-Valid-Not-After", "2026-11-25T11:59:59+00:00")), code: CertNotVerified},

		{id: "F20-error-beside-verified", do: problem("client_cert_validation_failed"), code: CertFrontError},
		{id: "F21-error-unknown", do: problem("client_cert_of_the_future"), code: CertFrontError},
		{id: "F22-size-error-unknown", do: problem("client_cert_smile_exceeded_size_limit"), code: CertFrontError, twin: both(problem("client_cert_dnsname_sans_exceeded_size_limit"), omits("X-Client-Cert-Dnsname-Sans")), warn: tolerated},
		{id: "F23-leaf-too-large-for-front", do: both(problem("client_cert_validated_leaf_exceeded_size_limit"), omits("X-Client-Cert-Leaf")), code: CertFrontError, twin: both(problem("client_cert_subject_dn_exceeded_size_limit"), sends("X-Client-Cert-Subject-Dn", "")), warn: tolerated},
		{id: "F24-leaf-size-error-and-a-leaf", do: problem("client_cert_validated_leaf_exceeded_size_limit"), code: CertFrontError, twin: problem("client_cert_serial_number_exceeded_size_limit"), warn: tolerated},
		{id: "F25-chain-too-large-for-front", do: both(problem("client_cert_validated_chain_exceeded_size_limit"), omits("X-Client-Cert-Chain")), code: CertFrontError, twin: problem("client_cert_issuer_dn_exceeded_size_limit"), warn: tolerated},
		{id: "F26-joined-error-words", do: problem("client_cert_uri_sans_exceeded_size_limit,client_cert_validation_failed"), code: CertFrontError, twin: problem("client_cert_uri_sans_exceeded_size_limit,client_cert_spiffe_id_exceeded_size_limit"), warn: tolerated},
		{id: "F27-joined-error-words-spaced", do: problem("client_cert_uri_sans_exceeded_size_limit, client_cert_of_the_future"), code: CertFrontError, twin: problem("client_cert_uri_sans_exceeded_size_limit, client_cert_subject_dn_exceeded_size_limit"), warn: tolerated},
		{id: "F28-error-of-separators", do: problem(","), code: CertFrontError},
		{id: "F29-tolerated-error-without-leaf", do: both(problem("client_cert_subject_dn_exceeded_size_limit"), omits("X-Client-Cert-Leaf")), code: CertLeafMissing, twin: problem("client_cert_subject_dn_exceeded_size_limit"), warn: tolerated},
		{id: "F30-error-in-capitals", do: problem("CLIENT_CERT_SUBJECT_DN_EXCEEDED_SIZE_LIMIT"), code: CertFrontError, twin: problem("client_cert_subject_dn_exceeded_size_limit"), warn: tolerated},
	}
}
