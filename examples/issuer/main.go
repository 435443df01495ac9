// Issuer is an example of "your authentication server": it makes session tokens
// for clients that it knows, and publishes the key that they are verified with.
//
// A client asks it for a token, and begins the conversation with it:
//
//	POST /session-token   Authorization: Bearer (the client's own credential)
//	{"session": "projects/P/locations/L/agents/A/sessions/S"}
//	→ {"token": "…", "expires": 1790000000}
//
//	POST …/sessions/S:detectIntent
//	{"queryInput": …, "queryParams": {"parameters": {"cxhook_token": "…"}}}
//
// The function that serves the agent's webhook runs with
//
//	CXHOOK_POLICY=mtls+idtoken+session
//	CXHOOK_SESSION_ISSUER=https://auth.example.com
//	CXHOOK_SESSION_AUDIENCE=shirts-webhook
//	CXHOOK_SESSION_KEYS_URL=https://auth.example.com/jwks.json
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"

	"example.com/cxhook/cx"
)

// tokenLifetime is long enough for a conversation. A client whose conversation
// lasts longer asks again, and sends the new token with its next turn.
const tokenLifetime = 15 * time.Minute

// issuer makes tokens. Its key lives as long as the process; yours comes from a
// key store and outlives it.
type issuer struct {
	name, audience string
	key            jose.JSONWebKey
	// known says whether the bearer is a client's, and may speak in the session.
	known func(bearer, session string) bool
	now   func() time.Time
}

func newIssuer(name, audience string, known func(bearer, session string) bool) (*issuer, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(public) // a new key has a new name, so that both can be published
	return &issuer{name: name, audience: audience, known: known, now: time.Now,
		key: jose.JSONWebKey{Key: private, KeyID: base64.RawURLEncoding.EncodeToString(sum[:12]), Algorithm: "EdDSA", Use: "sig"}}, nil
}

// token is bound to one session by its full name, and short-lived.
func (i *issuer) token(session string) (token string, expires int64, err error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: i.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", 0, err
	}
	now := i.now()
	expires = now.Add(tokenLifetime).Unix()
	token, err = jwt.Signed(signer).Claims(map[string]any{"iss": i.name, "aud": i.audience, "nbf": now.Unix(), "exp": expires, "session": session}).Serialize()
	return token, expires, err
}

func (i *issuer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		json.MarshalWrite(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.key.Public()}})
	})
	mux.HandleFunc("POST /session-token", func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Session string `json:"session"`
		}
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 4<<10), &ask); err != nil {
			http.Error(w, "want {\"session\": \"projects/…\"}", http.StatusBadRequest)
			return
		}
		if _, err := cx.ParseSession(ask.Session); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !i.known(bearer, ask.Session) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		token, expires, err := i.token(ask.Session)
		if err != nil {
			http.Error(w, "no token", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.MarshalWrite(w, struct {
			Token   string `json:"token"`
			Expires int64  `json:"expires"`
		}{token, expires})
	})
	return mux
}

func main() {
	client := os.Getenv("CLIENT_CREDENTIAL") // of the one client of this example
	if client == "" {
		log.Fatal("CLIENT_CREDENTIAL: empty; it is what the client sends as its bearer")
	}
	i, err := newIssuer("https://auth.example.com", "shirts-webhook", func(bearer, _ string) bool {
		return sha256.Sum256([]byte(bearer)) == sha256.Sum256([]byte(client))
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://127.0.0.1:8090/jwks.json, POST http://127.0.0.1:8090/session-token")
	server := &http.Server{Addr: "127.0.0.1:8090", Handler: i.handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
