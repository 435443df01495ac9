package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Station is a place on the call's way where something is proved.
type Station string

// The stations, in the order in which they are passed.
const (
	StationPolicy      Station = "policy" // of insecure-none alone
	StationEdge        Station = "edge"
	StationCertificate Station = "certificate"
	StationToken       Station = "token"
	StationBasic       Station = "basic"
	StationHeader      Station = "header"
	StationAgent       Station = "agent"   // once the body was read
	StationSession     Station = "session" // once the body was read
)

// Outcome is what came of a check.
type Outcome string

const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Warn Outcome = "warn" // passed, but somebody should look
)

// Check is one thing that was judged: what was presented, what was expected,
// and the rule that decided.
type Check struct {
	Station Station
	Name    string // what was looked at, as "fingerprint" or "audience"
	Outcome Outcome
	Code    Code // the reason of a failure or warning; empty where the check passed
	// Presented is what the caller sent. It never holds a token or a secret.
	Presented string
	// Expected is what would have passed.
	Expected string
	// Rule names where the rule comes from, as "RFC 9440 section 2.2".
	Rule string
	// Hint says what to change, for the operator.
	Hint string
	// Unverified marks Presented as an attacker's text for all we know: no
	// signature was checked over it yet.
	Unverified bool
}

// Report is what the verification of one call found. It is not safe for use by
// several goroutines; a call has one.
type Report struct {
	// Checks holds every check made, in order; the last one failed if the call
	// was refused.
	Checks []Check
	// Source names where the certificate evidence came from, as "google-lb".
	Source string
	// Identity is the name of the accepted certificate identity, as "google".
	Identity string
	// Fingerprint is the lower-case hex SHA-256 of the accepted leaf, NotAfter its
	// last moment.
	Fingerprint string
	NotAfter    time.Time
	// Claimed is who a refused caller said it is.
	Claimed Claims
	// WouldRefuse is the reason for which the certificate would have refused the
	// call, were it not for CertificateConfig.ReportOnly. Its check is a warning.
	WouldRefuse Code
	// Caller is the e-mail address of the accepted token.
	Caller string
	// CertificateCached and TokenCached say that the cryptography was remembered.
	CertificateCached, TokenCached bool
	// Took is the time spent at each station that was reached, in order.
	Took []StationTime

	// The usual call has 13 checks at 3 stations, and needs no other room than this.
	checks [16]Check
	took   [4]StationTime
}

// StationTime is the time that a call spent at a station.
type StationTime struct {
	Station Station
	Took    time.Duration
}

func newReport() *Report {
	r := new(Report)
	r.Checks, r.Took = r.checks[:0], r.took[:0]
	return r
}

// Reached says whether a call got as far as a station.
func (r *Report) Reached(s Station) bool {
	return slices.ContainsFunc(r.Took, func(t StationTime) bool { return t.Station == s })
}

// Claims are what a refused call says of its caller, as far as it was read: an
// attacker's text for all we know, cut short, and without the addresses of people.
type Claims struct {
	Fingerprint string // of the leaf: SHA-256 in lower-case hex, or what came in its place
	Email       string // of the token; only service agents' in clear
	Audience    string // of the token
}

// claimedFingerprint writes a fingerprint as the balancer sends it in hex, and all
// else as it came.
func claimedFingerprint(s string) string {
	if sum, err := base64.RawStdEncoding.DecodeString(strings.TrimSuffix(s, "=")); err == nil && len(sum) == sha256.Size {
		return hex.EncodeToString(sum)
	}
	return shown(s)
}

func (r *Report) pass(s Station, name, presented, expected string) {
	r.Checks = append(r.Checks, Check{Station: s, Name: name, Outcome: Pass, Presented: presented, Expected: expected})
}

func (r *Report) warn(c Check) {
	c.Outcome = Warn
	r.Checks = append(r.Checks, c)
}

// fail records the check that refuses the call and gives the error for it.
func (r *Report) fail(c Check, cause error) error {
	c.Outcome = Fail
	r.Checks = append(r.Checks, c)
	return &Error{Check: c, Cause: cause}
}
