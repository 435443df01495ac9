package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// sessionToken is what a session token says. It never changes.
type sessionToken struct {
	kid                       string
	algorithm                 jose.SignatureAlgorithm
	issuer, audience, session claim
	expires, notBefore        int64 // in seconds since 1970, never negative
}

// sessionClaimNames are the claims that are read; others are ignored.
var sessionClaimNames = []string{"iss", "aud", "exp", "nbf", "session"}

func refusedSession(name string, code Code, presented, expected, rule, hint string) *Check {
	return &Check{Station: StationSession, Name: name, Code: code, Presented: presented, Expected: expected, Rule: rule, Hint: hint, Unverified: true}
}

func malformedSessionToken(what string, err error) *Check {
	return refusedSession("form", SessionMalformed, what+": "+shown(err.Error()), "a signed JWT with exp, nbf and session", "RFC 7519 section 7.2", "want the token's text and nothing else in the parameter: three segments of base64url, joined by dots")
}

// parseSessionToken reads a session token by the exact rules of the ID token.
func parseSessionToken(raw string) (*sessionToken, *Check) {
	segment := strings.Split(raw, ".")
	if len(segment) != 3 {
		return nil, malformedSessionToken("token", errors.New("not three segments"))
	}
	t := &sessionToken{expires: -1, notBefore: -1}
	header, err := decodeSegment(segment[0])
	if err == nil {
		var bad *Check
		if bad, err = t.parseHeader(header); bad != nil {
			return nil, bad
		}
	}
	if err != nil {
		return nil, malformedSessionToken("header", err)
	}
	payload, err := decodeSegment(segment[1])
	if err == nil {
		err = t.parsePayload(payload)
	}
	if err != nil {
		return nil, malformedSessionToken("payload", err)
	}
	signature, err := decodeSegment(segment[2])
	if err == nil && len(signature) == 0 {
		err = errors.New("empty")
	}
	if err != nil {
		return nil, malformedSessionToken("signature", err)
	}
	return t, nil
}

func (t *sessionToken) parseHeader(header []byte) (*Check, error) {
	var alg, typ, kid claim
	var refused string
	err := members(header, sessionHeaderNames, func(name string, value jsontext.Value) error {
		switch name {
		case "alg":
			alg = stringClaim(value)
		case "typ":
			typ = stringClaim(value)
		case "kid":
			kid = stringClaim(value)
		default:
			refused = name
		}
		return nil
	})
	const hint = "let your authentication server write alg, kid and typ JWT, and no more"
	switch {
	case err != nil:
		return nil, err
	case !alg.ok || !isSessionAlgorithm(alg.text):
		return refusedSession("algorithm", SessionWrongAlgorithm, alg.shown(), "EdDSA, ES256, RS256 or HS256", "RFC 8725 section 3.1", "sign with the algorithm that the key is for"), nil
	case refused != "":
		return refusedSession("header", SessionHeaderRefused, refused, "alg, kid and typ alone", "RFC 8725 section 3.10", hint), nil
	case typ.text != "" && !typ.is("JWT"):
		return refusedSession("header", SessionHeaderRefused, "typ "+typ.shown(), "typ JWT, or none", "RFC 7519 section 5.1", hint), nil
	case kid.text != "" && !kid.ok || len(kid.text) > maxKeyIDBytes:
		return refusedSession("header", SessionHeaderRefused, "kid "+kid.shown(), fmt.Sprintf("a kid of up to %d bytes", maxKeyIDBytes), "RFC 7515 section 4.1.4", hint), nil
	}
	t.algorithm, t.kid = jose.SignatureAlgorithm(alg.text), kid.text
	return nil, nil
}

func (t *sessionToken) parsePayload(payload []byte) error {
	err := members(payload, sessionClaimNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "iss":
			t.issuer = stringClaim(value)
		case "aud":
			t.audience = stringClaim(value)
		case "session":
			t.session = stringClaim(value)
		case "exp":
			t.expires, err = numericDate(name, value)
		case "nbf":
			t.notBefore, err = numericDate(name, value)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case t.expires < 0:
		return errors.New("exp: none")
	case t.notBefore < 0:
		return errors.New("nbf: none")
	}
	return nil
}

// parseSessionKeys reads the key set of an authentication server. Encryption keys
// are passed over. A key that is private, symmetric, weak, without a name, with
// another's name or for another algorithm refuses the whole set: better none than
// one that is not what its owner meant.
func parseSessionKeys(body []byte) (*keys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	k := &keys{byID: make(map[string]*key, len(set.Keys))}
	for i, raw := range set.Keys {
		var head struct {
			Use string `json:"use"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if head.Use != "" && head.Use != "sig" { // it may be one that go-jose cannot read
			continue
		}
		var parsed jose.JSONWebKey
		if err := parsed.UnmarshalJSON(raw); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		algorithm, err := sessionAlgorithm(&parsed)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		case parsed.Algorithm != "" && parsed.Algorithm != string(algorithm):
			return nil, fmt.Errorf("key %d: alg %q, but such a key is for %s", i+1, shown(parsed.Algorithm), algorithm)
		case parsed.KeyID == "" || len(parsed.KeyID) > maxKeyIDBytes:
			return nil, fmt.Errorf("key %d: a kid of %d bytes, want 1 to %d", i+1, len(parsed.KeyID), maxKeyIDBytes)
		case k.has(parsed.KeyID):
			return nil, fmt.Errorf("key %d: kid %q twice", i+1, shown(parsed.KeyID))
		}
		der, err := x509.MarshalPKIXPublicKey(parsed.Key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		k.byID[parsed.KeyID] = &key{print: sha256.Sum256(der), algorithm: algorithm, public: parsed.Key}
	}
	if len(k.byID) == 0 {
		return nil, errors.New("no key for EdDSA, ES256 or RS256 in it")
	}
	return k, nil
}

// sessionAlgorithm is the one algorithm that the key is for.
func sessionAlgorithm(k *jose.JSONWebKey) (jose.SignatureAlgorithm, error) {
	switch public := k.Key.(type) {
	case ed25519.PublicKey:
		return jose.EdDSA, nil
	case *ecdsa.PublicKey:
		if public.Curve.Params().Name != "P-256" {
			return "", fmt.Errorf("curve %s, want P-256", public.Curve.Params().Name)
		}
		return jose.ES256, nil
	case *rsa.PublicKey:
		switch bits := public.N.BitLen(); {
		case bits < minRSABits || bits > maxRSABits:
			return "", fmt.Errorf("%d bits, want %d to %d", bits, minRSABits, maxRSABits)
		case public.N.Bit(0) == 0 || public.E < 3 || public.E%2 == 0 || public.E > math.MaxInt32:
			return "", errors.New("modulus or exponent is not RSA's")
		}
		return jose.RS256, nil
	}
	if !k.IsPublic() {
		return "", errors.New("a private or symmetric key: the function must not have it, and if it is published, replace it")
	}
	return "", errors.New("want a public key of Ed25519, P-256 or RSA")
}
