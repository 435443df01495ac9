package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is reported of the caller: the leaf and its last day of one that passes,
// what it claims of one that does not.
func TestReportCertificate(t *testing.T) {
	good := goodCall()
	got := good.judge(t)
	if got.err != nil {
		t.Fatal(got.err)
	}
	fingerprint := got.report.Fingerprint
	if len(fingerprint) != 64 || got.report.NotAfter.IsZero() || got.report.NotAfter.Before(good.now) || got.report.Claimed != (Claims{}) {
		t.Errorf("accepted: %q until %v, claimed %+v", fingerprint, got.report.NotAfter, got.report.Claimed)
	}
	for _, row := range []struct {
		name, header, value string
		warm                bool
		claimed             string
	}{
		{"not verified", "X-Client-Cert-Chain-Verified", "false", false, fingerprint},
		{"another fingerprint", "X-Client-Cert-Hash", "m97PuzECBhCm/I0kODCYy5q00uRkxM00DSGQ+Tl8DoM", false, fingerprint}, // the leaf counts
		{"the same, remembered", "X-Client-Cert-Hash", "m97PuzECBhCm/I0kODCYy5q00uRkxM00DSGQ+Tl8DoM", true, fingerprint},
		{"no fingerprint, not verified", "X-Client-Cert-Hash", "", false, ""},
		{"a text for a fingerprint", "X-Client-Cert-Hash", "é" + strings.Repeat("x", 2000), false, `\u00e9` + strings.Repeat("x", maxShown-2) + "..."},
	} {
		t.Run(row.name, func(t *testing.T) {
			call := goodCall()
			call.warm = row.warm
			call.header.Set(row.header, row.value)
			if row.claimed != fingerprint {
				call.header.Set("X-Client-Cert-Chain-Verified", "false")
			}
			got := call.judge(t)
			if got.err == nil || got.report.Claimed.Fingerprint != row.claimed || got.report.Fingerprint != "" || !got.report.NotAfter.IsZero() {
				t.Errorf("got %v, %+v", got.err, got.report)
			}
		})
	}

	// A leaf that was not forwarded, and is believed, is no claim either.
	believed := goodCall()
	believed.certificate.DangerTrustFrontWithoutLeaf = true
	believed.header.Del("X-Client-Cert-Leaf")
	if got := believed.judge(t); got.err != nil || got.report.Fingerprint != fingerprint || got.report.Claimed != (Claims{}) {
		t.Errorf("believed: %v, %q, claimed %+v", got.err, got.report.Fingerprint, got.report.Claimed)
	}
}

// A call has reached the stations up to the one that refused it.
func TestReportReached(t *testing.T) {
	reached := func(edit func(*certCall), stations ...Station) {
		t.Helper()
		call := goodCall()
		edit(call)
		rep := call.judge(t).report
		for _, s := range []Station{StationEdge, StationCertificate, StationToken} {
			if got := rep.Reached(s); got != slices.Contains(stations, s) {
				t.Errorf("%s: reached = %v", s, got)
			}
		}
	}
	reached(func(*certCall) {}, StationEdge, StationCertificate)
	reached(presents(mallory, r2), StationEdge, StationCertificate)
	reached(omits(DefaultEdgeHeader), StationEdge)
}

// A refusal in the log: what decided, and what a library said of it, if one did.
func TestErrorText(t *testing.T) {
	cause := errors.New("connection refused")
	keys := Check{Station: StationToken, Name: "keys", Code: KeysUnavailable, Presented: "key-1"}
	token := Check{Station: StationToken, Name: "audience", Code: TokenWrongAudience, Presented: "https://x.example"}
	for _, row := range []struct {
		err   *Error
		text  string
		wraps []error // and nothing else: a nil among them is not allowed
	}{
		{&Error{Check: keys, Cause: cause}, "verify: token: keys: keys_unavailable: connection refused", []error{ErrUnavailable, cause}},
		{&Error{Check: keys}, "verify: token: keys: keys_unavailable", []error{ErrUnavailable}},
		{&Error{Check: token, Cause: cause}, "verify: token: audience: token_wrong_audience: connection refused", []error{ErrDenied, cause}},
		{&Error{Check: token}, "verify: token: audience: token_wrong_audience", []error{ErrDenied}},
	} {
		if got := row.err.Error(); got != row.text {
			t.Errorf("got %q, want %q", got, row.text)
		}
		if got := row.err.Unwrap(); !slices.Equal(got, row.wraps) {
			t.Errorf("%s: wraps %v, want %v", row.text, got, row.wraps)
		}
	}
}

// What is reported of a token that is refused: service agents by name, people by
// a hash, and nothing of one that passes.
func TestReportToken(t *testing.T) {
	rig := newTokenRig(t)
	if rep := rig.accepts(t, goodToken()); rep.Claimed != (Claims{}) || rep.Caller == "" {
		t.Errorf("accepted: %+v", rep)
	}
	sum := sha256.Sum256([]byte("someone@example.com"))
	rep := rig.refuses(t, goodToken(func(f *forgery) { f.claims.set("email", `"someone@example.com"`) }), TokenWrongEmail)
	if want := (Claims{Email: "another account, SHA-256 " + hex.EncodeToString(sum[:8]), Audience: tokenAudience}); rep.Claimed != want {
		t.Errorf("claimed %+v, want %+v", rep.Claimed, want)
	}
	rep = rig.refuses(t, goodToken(func(f *forgery) { f.claims.set("aud", `"https://`+strings.Repeat("x", 2000)+`"`) }), TokenWrongAudience)
	if want := (Claims{Email: dialogflowAgent(tokenProject), Audience: "https://" + strings.Repeat("x", maxShown-8) + "..."}); rep.Claimed != want {
		t.Errorf("claimed %+v, want %+v", rep.Claimed, want)
	}
}

// The key set's age: none before it came, and of two the older one's.
func TestKeySetAge(t *testing.T) {
	rig := newTokenRig(t)
	older := newTokenRig(t)
	v := &Verifier{keys: []*keySet{rig.keys}}
	if age, ok := v.KeySetAge(time.Now()); ok {
		t.Errorf("an age of %v before the keys came", age)
	}
	rig.accepts(t, goodToken())
	older.accepts(t, goodToken())
	now := rig.keys.current.Load().fetched.Add(5 * time.Hour)
	if age, ok := v.KeySetAge(now); !ok || age != 5*time.Hour {
		t.Errorf("got %v, %v", age, ok)
	}
	older.keys.current.Load().fetched = now.Add(-7 * time.Hour)
	v.keys = append(v.keys, older.keys)
	if age, ok := v.KeySetAge(now); !ok || age != 7*time.Hour {
		t.Errorf("of two: got %v, %v", age, ok)
	}
	if age, ok := (&Verifier{}).KeySetAge(now); ok {
		t.Errorf("without keys: got %v", age)
	}
}
