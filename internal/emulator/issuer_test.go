package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

// The function's own judgement of each kind: the code of the refusal, "" for
// none.
func TestTokensAsJudged(t *testing.T) {
	want := map[string]verify.Code{
		"valid": "", "none": verify.TokenMissing, "expired": verify.TokenExpired, "wrong-audience": verify.TokenWrongAudience,
		"wrong-email": verify.TokenWrongEmail, "unsigned": verify.TokenUnsigned, "es256-short": verify.TokenWrongAlgorithm,
		"other-key": verify.TokenBadSignature, "other-agent": verify.TokenWrongEmail,
	}
	if len(want) != len(Tokens) {
		t.Errorf("%d kinds tested, %d exist", len(want), len(Tokens))
	}
	v := newVerifier(t, nil)
	headers, err := ForgedHeaders(verify.GoogleLBHeaders{}, clientCertificate(t, "google"))
	if err != nil {
		t.Fatal(err)
	}
	headers.Set(verify.DefaultEdgeHeader, testSecret)
	for _, kind := range Tokens {
		t.Run(kind, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, testAudience, nil)
			r.Header = headers.Clone()
			if s := token(t, kind); s != "" {
				r.Header.Set("Authorization", "Bearer "+s)
			}
			_, err := v.Verify(r)
			var denied *verify.Error
			var code verify.Code
			if errors.As(err, &denied) {
				code = denied.Code
			} else if err != nil {
				t.Fatal(err)
			}
			if code != want[kind] {
				t.Errorf("%q, want %q (%v)", code, want[kind], err)
			}
		})
	}
}

func TestTokenClaims(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	i, err := NewIssuer(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	s, err := i.Token("valid", testAudience, testProject)
	if err != nil {
		t.Fatal(err)
	}
	segments := strings.Split(s, ".")
	if len(segments) != 3 {
		t.Fatalf("%d segments", len(segments))
	}
	decode := func(segment string) map[string]any {
		b, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	header, claims := decode(segments[0]), decode(segments[1])
	if kid, _ := header["kid"].(string); header["alg"] != "RS256" || header["typ"] != "JWT" || len(kid) != 40 || len(header) != 3 {
		t.Errorf("header %v", header)
	}
	id, _ := claims["sub"].(string)
	if !regexp.MustCompile(`^\d{21}$`).MatchString(id) {
		t.Errorf("sub %q, want 21 digits", id)
	}
	for name, want := range map[string]any{"iss": "https://accounts.google.com", "aud": testAudience, "azp": id, "sub": id, "email_verified": true,
		"email": "service-123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com", "iat": float64(now.Unix()), "exp": float64(now.Unix() + 3600)} {
		if claims[name] != want {
			t.Errorf("%s: %v, want %v", name, claims[name], want)
		}
		delete(claims, name)
	}
	if len(claims) != 0 {
		t.Errorf("and more: %v", claims)
	}
}

func TestTokenRefuses(t *testing.T) {
	i, _ := issuer()
	for _, tt := range []struct{ kind, audience, project, want string }{
		{"forged", testAudience, testProject, `emulator: no token "forged"; have valid, none, expired, wrong-audience, wrong-email, unsigned, es256-short, other-key, other-agent`},
		{"valid", "", testProject, "emulator: a token needs an audience"},
		{"valid", testAudience, "my-project", `emulator: "my-project" is not a project number`},
		{"valid", testAudience, "", `emulator: "" is not a project number`},
	} {
		if s, err := i.Token(tt.kind, tt.audience, tt.project); err == nil || err.Error() != tt.want || s != "" {
			t.Errorf("Token(%q, %q, %q): %q, error %v, want %s", tt.kind, tt.audience, tt.project, s, err, tt.want)
		}
	}
	// Another project's token stays another's, whichever ours is.
	mine, err := i.Token("valid", testAudience, otherProjectNumber)
	if err != nil {
		t.Fatal(err)
	}
	others, err := i.Token("wrong-email", testAudience, otherProjectNumber)
	if err != nil {
		t.Fatal(err)
	}
	if payload := func(s string) string { return strings.Split(s, ".")[1] }; payload(mine) == payload(others) {
		t.Error("wrong-email is our own agent")
	}
}

func TestKeySet(t *testing.T) {
	_, url := issuer()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Cache-Control"); resp.StatusCode != 200 || got != "public, max-age=19800, must-revalidate, no-transform" || resp.Header.Get("Expires") == "" {
		t.Errorf("%s, Cache-Control %q, Expires %q", resp.Status, got, resp.Header.Get("Expires"))
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	key := set.Keys[0]
	if key["kty"] != "RSA" || key["alg"] != "RS256" || key["use"] != "sig" || key["e"] != "AQAB" || len(key["n"]) != 342 || len(key) != 6 {
		t.Errorf("key %v; want the public half of RSA-2048 and nothing else", key)
	}

	for _, tt := range []struct {
		method, url string
		status      int
	}{{http.MethodHead, url, 200}, {http.MethodPost, url, 405}, {http.MethodGet, url + "/", 404}} {
		req, err := http.NewRequest(tt.method, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.url, resp.StatusCode, tt.status)
		}
	}
}

func TestIssuerServes(t *testing.T) {
	i, err := NewIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- i.Serve(l) }()
	resp, err := http.Get("http://" + l.Addr().String() + KeysPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := errors.Join(i.Shutdown(t.Context()), <-ended); err != nil || resp.StatusCode != 200 {
		t.Errorf("%s, %v", resp.Status, err)
	}
	if err := i.Serve(l); err != nil { // shut down for good
		t.Error(err)
	}
}
