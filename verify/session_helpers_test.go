package verify

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The session that the tests' tokens are for, and its reader's parts.
var testSession = Session{Name: "projects/shirts/locations/global/agents/a1/sessions/s1", Project: "shirts", Location: "global", Agent: "a1"}

const (
	sessionIssuer   = "https://auth.example.com"
	sessionAudience = "shirts-webhook"
	testHMACSecret  = "hmac-secret-of-the-tests-00000001"
	testOldHMAC     = "hmac-secret-of-the-tests-00000000"
)

// The authentication server's keys, and a stranger's.
var (
	edKey, otherEdKey = newEdKey(), newEdKey()
	ecKey             = mustMake(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
)

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// sessionJWKS has a key of each algorithm; alg is said of one, and left out of the
// others.
var sessionJWKS = sync.OnceValue(func() string {
	return jwks(
		jose.JSONWebKey{Key: edKey.Public(), KeyID: "ed-1", Algorithm: "EdDSA", Use: "sig"},
		jose.JSONWebKey{Key: &ecKey.PublicKey, KeyID: "es-1"},
		jose.JSONWebKey{Key: &googleKey().PublicKey, KeyID: "rs-1"})
})

func signEd(key ed25519.PrivateKey) func(string) []byte {
	return func(signed string) []byte { return ed25519.Sign(key, []byte(signed)) }
}

func signES256(signed string) []byte {
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, ecKey, sum[:])
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func signHS256(secret []byte) func(string) []byte {
	return func(signed string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	}
}

// newSessionForgery is a good session token, signed with EdDSA.
func newSessionForgery() *forgery {
	now := certNow.Unix()
	return &forgery{
		header: jsonMembers{{"alg", `"EdDSA"`}, {"kid", `"ed-1"`}, {"typ", `"JWT"`}},
		claims: jsonMembers{{"iss", jsonText(sessionIssuer)}, {"aud", jsonText(sessionAudience)}, {"nbf", fmt.Sprint(now)}, {"exp", fmt.Sprint(now + 600)},
			{"session", jsonText(testSession.Name)}, {"sub", `"alice"`}},
		sign: signEd(edKey),
	}
}

// signedAs gives the change to another algorithm and key.
func signedAs(alg, kid string, sign func(string) []byte) func(*forgery) {
	return func(f *forgery) {
		f.header.set("alg", jsonText(alg))
		f.header.set("kid", jsonText(kid))
		f.sign = sign
	}
}

// sessionRig is a verifier that asks for a session token, and its clock.
type sessionRig struct {
	*Verifier
	now    time.Time
	server *keyServer // of the rigs with a URL
}

func sessionConfig() SessionConfig {
	return SessionConfig{Issuer: sessionIssuer, Audience: sessionAudience, JWKS: []byte(sessionJWKS())}
}

func hmacConfig(secrets ...string) SessionConfig {
	return SessionConfig{Issuer: sessionIssuer, Audience: sessionAudience, HMACSecrets: secrets}
}

func newSessionRig(t testing.TB, cfg SessionConfig) *sessionRig {
	t.Helper()
	rig := &sessionRig{now: certNow}
	session, err := newSessionProof(cfg, func() time.Time { return rig.now })
	if err != nil {
		t.Fatal(err)
	}
	rig.Verifier = &Verifier{session: session, now: func() time.Time { return rig.now }}
	if session.remote != nil {
		rig.server = newKeyServer()
		rig.server.serve(sessionJWKS())
		session.remote.client.Transport = rig.server
	}
	return rig
}

func (rig *sessionRig) call(token string) (*Report, error) {
	rep := &Report{}
	return rep, rig.VerifySession(context.Background(), testSession, token, rep)
}

// refusal gives the code of a refusal, "" for none, and holds that it explains
// itself.
func refusal(t testing.TB, rep *Report, err error) Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want an *Error", err)
	}
	if last := rep.Checks[len(rep.Checks)-1]; last != e.Check || last.Outcome != Fail || last.Presented == "" || last.Expected == "" || last.Rule == "" || last.Hint == "" {
		t.Errorf("the last check does not explain the refusal: %+v", last)
	}
	unavailable := e.Code == KeysUnavailable
	if errors.Is(err, ErrUnavailable) != unavailable || errors.Is(err, ErrDenied) == unavailable || (e.Status() == http.StatusServiceUnavailable) != unavailable {
		t.Errorf("%s: denied and broken are confused: status %d", e.Code, e.Status())
	}
	return e.Code
}
