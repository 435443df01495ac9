package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// signatureRemoved stands in place of the signature where Google's platform
// checked the token itself and keeps the function from using it elsewhere.
//
// Source: https://cloud.google.com/run/docs/troubleshooting ("Identity token
// signature redacted by Google")
const signatureRemoved = "SIGNATURE_REMOVED_BY_GOOGLE"

// maxTokenDepth bounds the nesting of a token's JSON; Google's goes to 3.
const maxTokenDepth = 16

const hintOpaque = "the agent sends an access token, which says nothing of who calls: in the webhook's settings, choose the ID token as the service agent's authentication, and no service account"

// bearer gives the one bearer token of the request.
func bearer(values []string) (string, tokenError) {
	refuse := func(code Code, presented, rule, hint string) (string, tokenError) {
		return "", &Check{Station: StationToken, Name: "bearer", Code: code, Presented: presented, Expected: "one Authorization header with a Bearer token", Rule: rule, Hint: hint, Unverified: true}
	}
	const missing = "in the webhook's settings, choose the ID token as the service agent's authentication; or something on the way takes the header away"
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return refuse(TokenMissing, "no Authorization header", "RFC 6750 section 2.1", missing)
	case len(values) > 1:
		return refuse(TokenDuplicate, fmt.Sprintf("%d Authorization headers", len(values)), "RFC 9110 section 5.3", "a proxy adds its own, or the agent has a custom header of that name")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		presented := "another scheme"
		if strings.EqualFold(scheme, "Basic") || strings.EqualFold(scheme, "Digest") { // what else stands first may be the secret itself
			presented = scheme
		}
		return refuse(TokenNotBearer, presented, "RFC 9110 section 11.4", "the agent has user name and password, or a custom Authorization header; they do not prove who calls")
	}
	switch token = strings.TrimLeft(token, " "); {
	case token == "":
		return refuse(TokenMissing, "Bearer, and no token", "RFC 6750 section 2.1", missing)
	case len(token) > MaxTokenBytes:
		return refuse(TokenTooLarge, fmt.Sprintf("%d bytes", len(token)), fmt.Sprintf("at most %d bytes", MaxTokenBytes), hintForged)
	case strings.Contains(token, ","): // no token has one; a hop may join two headers with it
		return refuse(TokenDuplicate, "several values in one Authorization header", "RFC 9110 section 5.3", "a proxy joins two headers into one")
	case strings.HasPrefix(token, "ya29.") || strings.Count(token, ".") != 2:
		return refuse(TokenOpaque, "a token that is not a JWT", "RFC 7519 section 3", hintOpaque)
	}
	return token, nil
}

// claim is a claim that must be a string.
type claim struct {
	text string // its JSON where it is something else
	ok   bool   // it is a string
}

func (c claim) is(s string) bool { return c.ok && c.text == s }

// shown gives the claim for a report.
func (c claim) shown() string {
	switch {
	case c.ok && c.text == "":
		return "an empty string"
	case c.ok:
		return shown(c.text)
	case c.text == "":
		return "none"
	default:
		return "not a string: " + shown(c.text)
	}
}

// idToken is what a token says. It never changes.
type idToken struct {
	kid                     string
	issuer, audience, email claim
	emailVerified           string // its JSON; empty if there is none
	// In seconds since 1970, never negative; notBefore is 0 if there is none.
	issued, expires, notBefore int64
	// For reports, made once since a token comes many times.
	form, dates string
}

// Names that we or the library read. A name that differs from one of them in
// case alone is refused: encoding/json would take one for the other.
var (
	headerNames = append([]string{"alg", "typ", "kid"}, refusedHeaders...)
	claimNames  = []string{"iss", "aud", "exp", "iat", "nbf", "sub", "email", "email_verified"}
)

// refusedHeaders change where the key comes from, or what the signature means.
// Others are ignored, as RFC 7515 section 4 wants.
var refusedHeaders = []string{"crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "enc", "zip", "epk", "apu", "apv", "p2s", "p2c", "iv", "tag"}

// parseIDToken reads a token of three segments by exact rules: what it accepts
// can be written in one way only, and idtoken reads the same in it.
func parseIDToken(raw string) (*idToken, tokenError) {
	segment := strings.Split(raw, ".")
	if len(segment) != 3 { // not reached: bearer counted
		return nil, malformed("token", errors.New("not three segments"))
	}
	if segment[2] == signatureRemoved {
		return nil, &Check{Station: StationToken, Name: "signature", Code: TokenSignatureRemoved, Presented: signatureRemoved, Expected: "Google's signature",
			Rule: "docs/security.md: IAM in front", Hint: "Cloud Run checked the token and took the signature away: deploy with --no-invoker-iam-check, and let the function check it", Unverified: true}
	}
	t := &idToken{}
	if bad := t.parseHeader(segment[0], segment[2]); bad != nil {
		return nil, bad
	}
	payload, err := decodeSegment(segment[1])
	if err == nil {
		err = t.parsePayload(payload)
	}
	if err != nil {
		return nil, malformed("payload", err)
	}
	if _, err := decodeSegment(segment[2]); err != nil {
		return nil, malformed("signature", err)
	}
	t.form = "an ID token, signed with RS256 and key " + shown(t.kid)
	t.dates = "issued " + date(t.issued) + ", expires " + date(t.expires)
	if t.notBefore > 0 {
		t.dates += ", not before " + date(t.notBefore)
	}
	return t, nil
}

func malformed(what string, err error) tokenError {
	return &Check{Station: StationToken, Name: "form", Code: TokenMalformed, Presented: what + ": " + shown(err.Error()), Expected: "three segments of canonical base64url, the first two JSON objects with each name once",
		Rule: "RFC 7519 section 7.2", Hint: hintForged, Unverified: true}
}

func (t *idToken) parseHeader(segment, signature string) tokenError {
	header, err := decodeSegment(segment)
	if err != nil {
		return malformed("header", err)
	}
	var alg, typ, kid claim
	var refused string
	err = members(header, headerNames, func(name string, value jsontext.Value) error {
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
	if err != nil {
		return malformed("header", err)
	}
	refuse := func(name string, code Code, presented, expected, rule string) tokenError {
		return &Check{Station: StationToken, Name: name, Code: code, Presented: presented, Expected: expected, Rule: rule, Hint: hintForged, Unverified: true}
	}
	switch {
	case alg.ok && strings.EqualFold(strings.TrimSpace(alg.text), "none"), signature == "":
		return refuse("algorithm", TokenUnsigned, alg.shown(), "RS256, and a signature", "RFC 8725 section 3.2")
	case !alg.is("RS256"): // before idtoken sees it, which panics on a short ES256 signature
		return refuse("algorithm", TokenWrongAlgorithm, alg.shown(), "RS256", "RFC 8725 section 3.1")
	case refused != "":
		return refuse("header", TokenHeaderRefused, refused, "alg, kid and typ alone", "RFC 8725 section 3.10")
	case typ.text != "" && !typ.is("JWT"):
		return refuse("header", TokenHeaderRefused, "typ "+typ.shown(), "typ JWT, or none", "RFC 7519 section 5.1")
	case !kid.ok || kid.text == "" || len(kid.text) > maxKeyIDBytes:
		return refuse("header", TokenHeaderRefused, "kid "+kid.shown(), fmt.Sprintf("a kid of 1 to %d bytes", maxKeyIDBytes), "RFC 7515 section 4.1.4")
	}
	t.kid = kid.text
	return nil
}

func (t *idToken) parsePayload(payload []byte) error {
	t.expires, t.issued = -1, -1
	err := members(payload, claimNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "iss":
			t.issuer = stringClaim(value)
		case "aud":
			t.audience = stringClaim(value)
		case "email":
			t.email = stringClaim(value)
		case "email_verified":
			t.emailVerified = string(value)
		case "exp":
			t.expires, err = numericDate(name, value)
		case "iat":
			t.issued, err = numericDate(name, value)
		case "nbf":
			t.notBefore, err = numericDate(name, value)
		case "sub":
			if value.Kind() != '"' { // idtoken wants a string
				err = errors.New("sub: want a string")
			}
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case t.expires < 0:
		return errors.New("exp: none")
	case t.issued < 0:
		return errors.New("iat: none")
	}
	return nil
}

// decoders are reused: a new one costs more than it reads in a token.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// members gives each member of the JSON object that data is, as far as its name
// is one of known. Refused are: anything but one object, a name twice, invalid
// UTF-8, deep nesting, and a name that is one of known but for its case.
func members(data []byte, known []string, each func(name string, value jsontext.Value) error) error {
	dec := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(data))
	if dec.PeekKind() != '{' {
		return errors.New("not a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if !slices.Contains(known, name) {
			if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 {
				return fmt.Errorf("ambiguous: %q and %q", known[i], name)
			}
			if err := skipValue(dec); err != nil {
				return err
			}
			continue
		}
		value, err := dec.ReadValue()
		if err == nil {
			err = each(name, value)
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// skipValue reads a member's value without keeping it.
func skipValue(dec *jsontext.Decoder) error {
	for {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		switch depth := dec.StackDepth(); {
		case depth == 1:
			return nil
		case depth > maxTokenDepth:
			return fmt.Errorf("nested more than %d deep", maxTokenDepth)
		}
	}
}

func stringClaim(value jsontext.Value) claim {
	if value.Kind() != '"' {
		return claim{text: string(value)}
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return claim{text: string(value[1 : len(value)-1]), ok: true}
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return claim{text: string(text), ok: err == nil}
}

// numericDate reads seconds since 1970. RFC 7519 allows fractions; Google sends
// none, and idtoken reads none.
func numericDate(name string, value jsontext.Value) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 || value[0] == '-' {
		return 0, fmt.Errorf("%s: want whole seconds", name)
	}
	return n, nil
}

// date writes seconds since 1970 for people; those that no calendar has stay a
// number.
func date(seconds int64) string {
	t := time.Unix(seconds, 0).UTC()
	if seconds > 253402300799 { // the last of the year 9999
		return strconv.FormatInt(seconds, 10)
	}
	return t.Format(time.RFC3339)
}

// decodeSegment decodes canonical base64url without padding. Go's decoder skips
// line ends even where it is strict, hence the second look at the length.
func decodeSegment(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(b)) != len(s) {
		return nil, errors.New("not canonical base64url")
	}
	return b, nil
}
