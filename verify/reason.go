package verify

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is the stable name of a reason: it is what operators search for, alert
// on and look up in docs/operations.md. A code is never renamed.
type Code string

// The edge secret: proof that the call came
// through the load balancer.
const (
	EdgeSecretMissing   Code = "edge_secret_missing"   // the header is absent or empty
	EdgeSecretDuplicate Code = "edge_secret_duplicate" // more than one value
	EdgeSecretWrong     Code = "edge_secret_wrong"     // not one of the configured secrets

	EdgeSecretPrevious  Code = "edge_secret_previous"  // warning: accepted, but not the first secret: a rotation is under way
	EdgeSecretUnchecked Code = "edge_secret_unchecked" // warning: none is configured
)

// The client certificate, as the load balancer or another front saw it.
const (
	CertHeaderDuplicate     Code = "cert_header_duplicate"     // a declared header came more than once, or as a list
	CertHeaderMalformed     Code = "cert_header_malformed"     // a declared header does not parse
	CertHeaderTooLarge      Code = "cert_header_too_large"     // a declared header is over MaxCertificateHeaderBytes
	CertHeadersMissing      Code = "cert_headers_missing"      // none of the declared headers came: the balancer does not set them
	CertHeadersIncomplete   Code = "cert_headers_incomplete"   // some came, but not those that say present and verified
	CertMissing             Code = "cert_missing"              // the client presented no certificate
	CertNotVerified         Code = "cert_not_verified"         // the balancer could not verify the chain
	CertFrontError          Code = "cert_front_error"          // the balancer reports an error that is not tolerated
	CertLeafMissing         Code = "cert_leaf_missing"         // the leaf was not forwarded
	CertLeafMalformed       Code = "cert_leaf_malformed"       // the leaf or chain does not parse
	CertFingerprintMissing  Code = "cert_fingerprint_missing"  // no fingerprint to compare the leaf with
	CertFingerprintMismatch Code = "cert_fingerprint_mismatch" // SHA-256(leaf) is not the fingerprint
	CertDenied              Code = "cert_denied"               // the fingerprint is on the denied list
	CertExpired             Code = "cert_expired"              // after notAfter
	CertNotYetValid         Code = "cert_not_yet_valid"        // before notBefore
	CertIsCA                Code = "cert_is_ca"                // a CA certificate presented as a leaf
	CertEKUMissing          Code = "cert_eku_missing"          // no clientAuth in the extended key usage
	CertUntrusted           Code = "cert_untrusted"            // no chain to a pinned root
	CertIdentityUnknown     Code = "cert_identity_unknown"     // a good chain, but nobody we know
	CertPinMismatch         Code = "cert_pin_mismatch"         // a known name, but not what an opt-in pin asks for

	CertConnectionPlain Code = "cert_connection_plain" // the function is to terminate TLS itself, and the connection is not TLS

	CertHeaderDiffers       Code = "cert_header_differs"       // warning: a header is not what the leaf says
	CertSizeErrorTolerated  Code = "cert_size_error_tolerated" // warning: a field was too large to forward; the leaf has it
	CertIntermediateUnknown Code = "cert_intermediate_unknown" // warning: a known name and root, from another intermediate
	CertUsageUnchecked      Code = "cert_usage_unchecked"      // warning: no clientAuth, and DangerServerCertificates
	CertLeafUnchecked       Code = "cert_leaf_unchecked"       // warning: no leaf, and DangerTrustFrontWithoutLeaf
)

// The Google ID token in the Authorization header.
const (
	TokenMissing          Code = "token_missing"           // no Authorization header, or an empty one
	TokenDuplicate        Code = "token_duplicate"         // more than one Authorization header, or a joined one
	TokenNotBearer        Code = "token_not_bearer"        // another scheme than Bearer
	TokenTooLarge         Code = "token_too_large"         // over MaxTokenBytes
	TokenOpaque           Code = "token_opaque"            // an access token, not an ID token
	TokenMalformed        Code = "token_malformed"         // not three canonical base64url segments of exact JSON
	TokenSignatureRemoved Code = "token_signature_removed" // Google's platform removed the signature
	TokenUnsigned         Code = "token_unsigned"          // alg none, or no signature
	TokenWrongAlgorithm   Code = "token_wrong_algorithm"   // not RS256
	TokenHeaderRefused    Code = "token_header_refused"    // crit or another member that must not be there, or no kid
	TokenWrongIssuer      Code = "token_wrong_issuer"      // not accounts.google.com
	TokenWrongAudience    Code = "token_wrong_audience"    // not one of the configured audiences
	TokenWrongEmail       Code = "token_wrong_email"       // not the Dialogflow service agent of our project
	TokenEmailUnverified  Code = "token_email_unverified"  // email_verified is not true
	TokenExpired          Code = "token_expired"           // exp has passed
	TokenNotYetValid      Code = "token_not_yet_valid"     // iat or nbf is in the future
	TokenLifetime         Code = "token_lifetime"          // lives longer than Google's tokens do
	TokenUnknownKey       Code = "token_unknown_key"       // the kid is not in Google's key set
	TokenBadSignature     Code = "token_bad_signature"     // the signature does not verify
	KeysUnavailable       Code = "keys_unavailable"        // Google's key set cannot be had: our fault, 503
	KeysStale             Code = "keys_stale"              // a warning: the key set is past its expiry, and no newer one can be had
)

// User name and password, and the static header.
const (
	BasicMissing   Code = "basic_missing"   // no Authorization header, or an empty one
	BasicDuplicate Code = "basic_duplicate" // more than one Authorization header, or a joined one
	BasicMalformed Code = "basic_malformed" // another scheme than Basic, or not canonical base64
	BasicWrong     Code = "basic_wrong"     // not one of the configured credentials

	BasicPrevious Code = "basic_previous" // warning: accepted, but not the first credentials: a rotation is under way

	HeaderSecretMissing   Code = "header_secret_missing"   // the header is absent or empty
	HeaderSecretDuplicate Code = "header_secret_duplicate" // more than one value
	HeaderSecretWrong     Code = "header_secret_wrong"     // not one of the configured secrets

	HeaderSecretPrevious Code = "header_secret_previous" // warning: accepted, but not the first secret: a rotation is under way
)

// The session token in a session parameter.
const (
	SessionMissing        Code = "session_token_missing"         // no such session parameter, or an empty one
	SessionTooLarge       Code = "session_token_too_large"       // over MaxSessionTokenBytes
	SessionMalformed      Code = "session_token_malformed"       // not a JWT of exact JSON, or without exp or nbf
	SessionWrongAlgorithm Code = "session_token_wrong_algorithm" // none, or not the one that its key is for
	SessionHeaderRefused  Code = "session_token_header_refused"  // crit or another member that must not be there
	SessionWrongIssuer    Code = "session_token_wrong_issuer"    // not the configured issuer
	SessionWrongAudience  Code = "session_token_wrong_audience"  // not the configured audience
	SessionWrongSession   Code = "session_token_wrong_session"   // made for another session
	SessionExpired        Code = "session_token_expired"         // exp has passed
	SessionNotYetValid    Code = "session_token_not_yet_valid"   // nbf is in the future
	SessionLifetime       Code = "session_token_lifetime"        // lives longer than allowed
	SessionUnknownKey     Code = "session_token_unknown_key"     // the kid is not in the authentication server's key set
	SessionBadSignature   Code = "session_token_bad_signature"   // the signature does not verify
)

// PolicyUnprotected is a warning on every call under PolicyInsecureNone.
const PolicyUnprotected Code = "policy_unprotected"

// The agent that the body names; a guard against misrouting, not a proof.
const (
	AgentMalformed  Code = "agent_malformed"   // sessionInfo.session is not a session name
	AgentNotAllowed Code = "agent_not_allowed" // not on the allow-list
)

var (
	// ErrDenied is wrapped by every refusal: the caller did not prove itself.
	ErrDenied = errors.New("denied")
	// ErrUnavailable is wrapped where we could not judge: nobody was refused,
	// and the same call may pass later.
	ErrUnavailable = errors.New("unavailable")
)

// Error says why a call was not let in. It wraps ErrDenied, or ErrUnavailable
// where the fault is ours, and the cause where there is one.
type Error struct {
	Check       // the check that decided; its Code is never empty
	Cause error // what a library said; nil where the check is our own comparison
}

// Error gives the reason for logs, without what the caller presented: that may
// be secret, or an attacker's text, and has its own fields.
func (e *Error) Error() string {
	s := fmt.Sprintf("verify: %s: %s: %s", e.Station, e.Name, e.Code)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives ErrDenied or ErrUnavailable, and the cause.
func (e *Error) Unwrap() []error {
	kind := ErrDenied
	if e.Code == KeysUnavailable {
		kind = ErrUnavailable
	}
	if e.Cause == nil {
		return []error{kind}
	}
	return []error{kind, e.Cause}
}

// Status is what the caller is answered: 401 for the token and for user name and
// password, 403 for everything else, 503 where the fault is ours. Dialogflow turns the first
// two into webhook.error.rejected and the last into webhook.error.unavailable.
func (e *Error) Status() int {
	switch {
	case e.Code == KeysUnavailable:
		return http.StatusServiceUnavailable
	case e.Station == StationToken, e.Station == StationBasic:
		return http.StatusUnauthorized
	default:
		return http.StatusForbidden
	}
}
