package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	tokenAudience = "https://webhook.example.com/cx"
	tokenProject  = "123456789012"
)

// The keys are made once for each test binary; the second is Google's too, the
// third is nobody's.
var tokenKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var list [3]*rsa.PrivateKey
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			list[i] = key
		})
	}
	wg.Wait()
	return list
})

func googleKey() *rsa.PrivateKey      { return tokenKeys()[0] }
func otherGoogleKey() *rsa.PrivateKey { return tokenKeys()[1] }
func malloryKey() *rsa.PrivateKey     { return tokenKeys()[2] }

// jwk writes a public key as Google's key set does.
func jwk(kid string, key any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: "RS256", Use: "sig"}
}

func jwks(list ...jose.JSONWebKey) string {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: list})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func googleJWKS() string {
	return jwks(jwk("key-1", &googleKey().PublicKey), jwk("key-2", &otherGoogleKey().PublicKey))
}

// keyServer is the key server without a network, for where time is not real.
type keyServer struct {
	fetches atomic.Int64
	mu      sync.Mutex
	header  http.Header
	body    string
	answer  func(*http.Request) (*http.Response, error) // nil: 200 with header and body
}

func newKeyServer() *keyServer {
	return &keyServer{body: googleJWKS(), header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Cache-Control": {"public, max-age=21600, must-revalidate"}}}
}

func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	s.mu.Lock()
	header, body, answer := s.header, s.body, s.answer
	s.mu.Unlock()
	if answer != nil {
		return answer(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (s *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, _ := s.RoundTrip(r)
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// change changes what the server answers from now on.
func (s *keyServer) change(f func(*keyServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *keyServer) serve(body string) { s.change(func(s *keyServer) { s.body, s.answer = body, nil }) }

func (s *keyServer) down() {
	s.change(func(s *keyServer) {
		s.answer = func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }
	})
}

// tokenRig is a token proof before a key server.
type tokenRig struct {
	*tokenProof
	server *keyServer
	later  time.Duration // than the clock
}

func newTokenRig(t testing.TB) *tokenRig {
	t.Helper()
	p, err := newTokenProof(TokenConfig{Audiences: []string{tokenAudience, "https://other.example.com"}, ProjectNumbers: []string{tokenProject, "42"}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	rig := &tokenRig{tokenProof: p, server: newKeyServer()}
	p.keys.client.Transport = rig.server
	return rig
}

// call presents the token as one bearer.
func (rig *tokenRig) call(token string) (*Report, error) {
	return rig.request(context.Background(), http.Header{"Authorization": {"Bearer " + token}})
}

func (rig *tokenRig) request(ctx context.Context, h http.Header) (*Report, error) {
	rep := &Report{}
	return rep, rig.verify(ctx, &http.Request{Header: h}, rep, time.Now().Add(rig.later))
}

// accepts fails the test unless the token is let in.
func (rig *tokenRig) accepts(t testing.TB, token string) *Report {
	t.Helper()
	rep, err := rig.call(token)
	if err != nil {
		t.Fatalf("refused: %v\n%s", err, lastCheck(rep))
	}
	return rep
}

// refuses fails the test unless the token is refused with code.
func (rig *tokenRig) refuses(t testing.TB, token string, code Code) *Report {
	t.Helper()
	rep, err := rig.call(token)
	wantTokenError(t, rep, err, code)
	return rep
}

func (rig *tokenRig) wantFetches(t testing.TB, want int64) {
	t.Helper()
	if got := rig.server.fetches.Load(); got != want {
		t.Errorf("%d fetches of the key set, want %d", got, want)
	}
}

// wantTokenError checks a refusal: its code, the status that goes with it, and
// that denied and broken are not confused on any way through the error.
func wantTokenError(t testing.TB, rep *Report, err error, code Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("code = %s, want %s\n%s: %v", e.Code, code, lastCheck(rep), err)
	}
	denied, status := true, http.StatusUnauthorized
	if code == KeysUnavailable {
		denied, status = false, http.StatusServiceUnavailable
	}
	if errors.Is(err, ErrDenied) != denied || errors.Is(err, ErrUnavailable) == denied || e.Status() != status {
		t.Errorf("denied = %v, unavailable = %v, status = %d; want %v, %v, %d", errors.Is(err, ErrDenied), errors.Is(err, ErrUnavailable), e.Status(), denied, !denied, status)
	}
	if last := rep.Checks[len(rep.Checks)-1]; last != e.Check || last.Outcome != Fail || last.Expected == "" || last.Rule == "" || last.Hint == "" || last.Presented == "" {
		t.Errorf("the last check does not explain the refusal: %+v", last)
	}
	if rep.Caller != "" {
		t.Errorf("a refused call has the caller %q", rep.Caller)
	}
}

func lastCheck(rep *Report) string {
	if len(rep.Checks) == 0 {
		return "no checks"
	}
	return fmt.Sprintf("%+v", rep.Checks[len(rep.Checks)-1])
}

// members of a JSON object, in order, values as JSON.
type jsonMembers [][2]string

func (m jsonMembers) String() string {
	var b strings.Builder
	for i, member := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", jsonText(member[0]), member[1])
	}
	return "{" + b.String() + "}"
}

func (m *jsonMembers) set(name, value string) {
	if i := slices.IndexFunc(*m, func(member [2]string) bool { return member[0] == name }); i >= 0 {
		(*m)[i][1] = value
		return
	}
	m.add(name, value)
}

func (m *jsonMembers) add(name, value string) { *m = append(*m, [2]string{name, value}) }

func (m *jsonMembers) drop(name string) {
	*m = slices.DeleteFunc(*m, func(member [2]string) bool { return member[0] == name })
}

func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// forgery is a good token and what is changed about it.
type forgery struct {
	header, claims          jsonMembers
	headerJSON, payloadJSON string                                  // in place of header and claims
	sign                    func(signed string) []byte              // nil: RS256 with Google's key
	edit                    func(token string) string               // after signing
	http                    func(token string) (header http.Header) // nil: one bearer
}

func newForgery() *forgery {
	now := time.Now().Unix()
	return &forgery{
		header: jsonMembers{{"alg", `"RS256"`}, {"kid", `"key-1"`}, {"typ", `"JWT"`}},
		claims: jsonMembers{{"aud", jsonText(tokenAudience)}, {"azp", `"1071"`}, {"email", jsonText(dialogflowAgent(tokenProject))}, {"email_verified", "true"},
			{"exp", fmt.Sprint(now + 3600)}, {"iat", fmt.Sprint(now)}, {"iss", `"https://accounts.google.com"`}, {"sub", `"1071"`}},
	}
}

func (f *forgery) segments() (header, payload string) {
	header, payload = f.headerJSON, f.payloadJSON
	if header == "" {
		header = f.header.String()
	}
	if payload == "" {
		payload = f.claims.String()
	}
	return header, payload
}

func (f *forgery) token() string {
	header, payload := f.segments()
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	sign := f.sign
	if sign == nil {
		sign = func(signed string) []byte { return signRS256(googleKey(), signed) }
	}
	token := signed + "." + b64(sign(signed))
	if f.edit != nil {
		token = f.edit(token)
	}
	return token
}

func (f *forgery) request() (token string, h http.Header) {
	token = f.token()
	if f.http != nil {
		return token, f.http(token)
	}
	return token, http.Header{"Authorization": {"Bearer " + token}}
}

// goodToken is a token that passes, with some differences that do not matter.
func goodToken(changes ...func(*forgery)) string {
	f := newForgery()
	for _, change := range changes {
		change(f)
	}
	return f.token()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func signRS256(key *rsa.PrivateKey, signed string) []byte {
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return sig
}

// signedBy gives the change to a token of Google's second key, or of nobody's.
func signedBy(key *rsa.PrivateKey) func(string) []byte {
	return func(signed string) []byte { return signRS256(key, signed) }
}
