package emulator

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"
)

// Tokens are the kinds of [Issuer.Token].
var Tokens = []string{"valid", "none", "expired", "wrong-audience", "wrong-email", "unsigned", "es256-short", "other-key", "other-agent"}

const (
	// KeysPath is the path of the key set, as in
	// https://www.googleapis.com/oauth2/v3/certs.
	KeysPath = "/oauth2/v3/certs"

	googleIssuer = "https://accounts.google.com"
	// tokenLifetime is that of Google's ID tokens.
	tokenLifetime = time.Hour
	// keysMaxAge is in the range that Google's key set is seen with.
	keysMaxAge = 19800 * time.Second
	// otherProjectNumber is the project of an agent that is not ours.
	otherProjectNumber = "999999999999"
)

// Issuer is Google's issuer of ID tokens: it mints them, and serves its key set.
// It is safe for use by several goroutines.
type Issuer struct {
	now         func() time.Time
	first, next func() (*signingKey, error)             // next is the one after a rotation
	current     atomic.Pointer[signingKey]              // signs, and is all that is published
	other       func() (key *rsa.PrivateKey, err error) // a key that is not in the set
	down        atomic.Bool
	srv         *http.Server
}

// signingKey is a key of the issuer's, and the key set that has it alone.
type signingKey struct {
	key jose.JSONWebKey
	set []byte // encoded
}

// NewIssuer makes the key, RSA as Google's. A nil now is time.Now.
func NewIssuer(now func() time.Time) (*Issuer, error) {
	if now == nil {
		now = time.Now
	}
	i := &Issuer{now: now, first: sync.OnceValues(newSigningKey), next: sync.OnceValues(newSigningKey), other: sync.OnceValues(newRSAKey)}
	if err := i.SetRotated(false); err != nil {
		return nil, err
	}
	i.srv = newServer(i, log.New(io.Discard, "", 0))
	return i, nil
}

func newRSAKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func newSigningKey() (*signingKey, error) {
	key, err := newRSAKey()
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	kid := make([]byte, 20)
	rand.Read(kid)
	k := &signingKey{key: jose.JSONWebKey{Key: key, KeyID: hex.EncodeToString(kid), Algorithm: "RS256", Use: "sig"}}
	if k.set, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.key.Public()}}); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return k, nil
}

// SetRotated publishes another key in place of the first, and signs with it: at
// once, where Google publishes a key long before it signs with it. With false, the
// first is back.
func (i *Issuer) SetRotated(on bool) error {
	key := i.first
	if on {
		key = i.next
	}
	k, err := key()
	if err != nil {
		return err
	}
	i.current.Store(k)
	return nil
}

// SetDown makes the key set unavailable: 503.
func (i *Issuer) SetDown(on bool) { i.down.Store(on) }

// Serve serves the key set on l until Shutdown, and returns nil then.
func (i *Issuer) Serve(l net.Listener) error {
	if err := i.srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends Serve, after the requests under way.
func (i *Issuer) Shutdown(ctx context.Context) error { return i.srv.Shutdown(ctx) }

// ServeHTTP serves the key set at KeysPath, with the headers of Google's.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != KeysPath:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case i.down.Load():
		http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
	default:
		h, set := w.Header(), i.current.Load().set
		h.Set("Content-Type", "application/json; charset=UTF-8")
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, must-revalidate, no-transform", int(keysMaxAge.Seconds())))
		h.Set("Expires", i.now().Add(keysMaxAge).UTC().Format(http.TimeFormat))
		h.Set("Content-Length", strconv.Itoa(len(set)))
		w.Write(set)
	}
}

// claims are those of an ID token that Google issues to a service agent.
//
// Source: https://cloud.google.com/docs/authentication/token-types#id
type claims struct {
	Audience      string `json:"aud"`
	Authorized    string `json:"azp"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Expires       int64  `json:"exp"`
	IssuedAt      int64  `json:"iat"`
	Issuer        string `json:"iss"`
	Subject       string `json:"sub"`
}

// Token mints a token for the audience, to be sent as "Authorization: Bearer
// TOKEN". "valid" is the Dialogflow service agent's of the project; "none" is "".
// Three more are genuine, of Google's key: "expired", "wrong-audience",
// "wrong-email" (the Dialogflow service agent of another project), and
// "other-agent" (a service account that anybody can have; it asked for our
// audience). Forged are "unsigned" (alg none), "es256-short" (a signature too
// short for its algorithm, which panics some verifiers) and "other-key" (the kid
// of Google's key, signed with another).
func (i *Issuer) Token(kind, audience, projectNumber string) (string, error) {
	if audience == "" {
		return "", errors.New("emulator: a token needs an audience")
	}
	if projectNumber == "" || strings.Trim(projectNumber, "0123456789") != "" {
		return "", fmt.Errorf("emulator: %q is not a project number", projectNumber)
	}
	c, signing := i.claims(audience, serviceAgent(projectNumber)), i.current.Load().key
	switch kind {
	case "valid":
	case "none":
		return "", nil
	case "expired":
		c.IssuedAt -= int64(2 * tokenLifetime / time.Second)
		c.Expires = c.IssuedAt + int64(tokenLifetime/time.Second)
	case "wrong-audience":
		c.Audience = "https://elsewhere.example.com/webhook"
	case "wrong-email":
		number := otherProjectNumber
		if number == projectNumber {
			number = "888888888888"
		}
		c = i.claims(audience, serviceAgent(number))
	case "other-agent":
		c = i.claims(audience, "alex-batch-jobs@somebody-elses-project.iam.gserviceaccount.com")
	case "unsigned":
		return forge("none", "", c, nil)
	case "es256-short":
		return forge("ES256", signing.KeyID, c, make([]byte, 16))
	case "other-key":
		key, err := i.other()
		if err != nil {
			return "", fmt.Errorf("emulator: %w", err)
		}
		return mint(jose.JSONWebKey{Key: key, KeyID: signing.KeyID}, c)
	default:
		return "", fmt.Errorf("emulator: no token %q; have %s", kind, strings.Join(Tokens, ", "))
	}
	return mint(signing, c)
}

// serviceAgent is the account that Dialogflow calls webhooks as.
func serviceAgent(projectNumber string) string {
	return "service-" + projectNumber + "@gcp-sa-dialogflow.iam.gserviceaccount.com"
}

func (i *Issuer) claims(audience, email string) claims {
	now := i.now().Unix()
	// Any 21 digits, but always the same of one account.
	var n uint64 = 14695981039346656037
	for _, b := range []byte(email) {
		n = (n ^ uint64(b)) * 1099511628211
	}
	id := fmt.Sprintf("1%020d", n)
	return claims{Audience: audience, Authorized: id, Email: email, EmailVerified: true,
		Expires: now + int64(tokenLifetime/time.Second), IssuedAt: now, Issuer: googleIssuer, Subject: id}
}

func mint(key jose.JSONWebKey, c claims) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("emulator: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("emulator: %w", err)
	}
	return token, nil
}

// forge writes a token that no library would: the header says what it likes.
func forge(alg, kid string, c claims, signature []byte) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid,omitempty"`
		Type      string `json:"typ"`
	}{alg, kid, "JWT"})
	if err != nil {
		return "", fmt.Errorf("emulator: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("emulator: %w", err)
	}
	segment := base64.RawURLEncoding.EncodeToString
	return segment(header) + "." + segment(payload) + "." + segment(signature), nil
}
