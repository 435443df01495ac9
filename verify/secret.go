package verify

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// MinBasicPasswordBytes is the shortest password that is accepted for basic
// authentication. It is made by a machine, for machines.
const MinBasicPasswordBytes = 16

// MinHeaderSecretBytes is the shortest secret of a static header.
const MinHeaderSecretBytes = MinEdgeSecretBytes

// MaxSecretHeaderBytes bounds what is presented as a secret.
const MaxSecretHeaderBytes = 4 << 10

// secretSums are accepted secrets as digests, the current one first. Compared as
// digests, neither length nor content of a secret shows in the time.
type secretSums [][sha256.Size]byte

// match gives the place of the secret that value is, or -1. It always looks at
// all of them.
func (s secretSums) match(value string) int {
	sum := textSum(value)
	place := -1
	for i := range s {
		place = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], s[i][:]), i, place)
	}
	return place
}

// textSum is SHA-256 of a text. What came over the wire is copied to the stack first:
// the conversion to bytes would be the largest allocation of a verified call.
func textSum(s string) [sha256.Size]byte {
	var room [2048]byte
	if len(s) > len(room) {
		return sha256.Sum256([]byte(s))
	}
	return sha256.Sum256(room[:copy(room[:], s)])
}

func newSecretSums(field string, secrets []string, problem func(secret string) string) (secretSums, error) {
	var sums secretSums
	var problems []error
	for i, s := range secrets {
		if p := problem(s); p != "" {
			problems = append(problems, &ConfigError{fmt.Sprintf("%s[%d]", field, i), p}) // never the secret itself
		}
		sums = append(sums, sha256.Sum256([]byte(s)))
	}
	return sums, errors.Join(problems...)
}

// BasicConfig describes the user name and password of the webhook's settings in
// the agent (secretVersionForUsernamePassword). It proves that the caller knows
// them: whoever may read the agent's settings or the secret does.
type BasicConfig struct {
	// Credentials are accepted, any of them, as "user:password": the current one
	// first, then those that are being rotated out (BasicPrevious). A password has
	// at least MinBasicPasswordBytes.
	Credentials []string
}

const basicRule = "RFC 7617 section 2"

type basicProof struct{ sums secretSums }

func newBasicProof(cfg BasicConfig) (*basicProof, error) {
	if len(cfg.Credentials) == 0 {
		return nil, &ConfigError{"Basic.Credentials", "no credentials: give user:password, the same as the agent's secret"}
	}
	sums, err := newSecretSums("Basic.Credentials", cfg.Credentials, func(s string) string {
		user, password, ok := strings.Cut(s, ":")
		switch {
		case !ok || user == "":
			return "want user:password"
		case len(password) < MinBasicPasswordBytes:
			return fmt.Sprintf("a password of %d bytes; want at least %d, for instance from: openssl rand -base64 24", len(password), MinBasicPasswordBytes)
		case hasControl(s):
			return "has a line end or another control character; a mounted file often ends with a line end"
		}
		return ""
	})
	return &basicProof{sums}, err
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

func (p *basicProof) station() Station { return StationBasic }

func (p *basicProof) verify(_ context.Context, r *http.Request, rep *Report, _ time.Time) error {
	refuse := func(code Code, presented, hint string) error {
		return rep.fail(Check{Station: StationBasic, Name: "credentials", Code: code, Presented: presented, Expected: "one Authorization header with a configured user name and password", Rule: basicRule, Hint: hint}, nil)
	}
	const settings = "the agent's user name and password are not the function's: set both to the same secret (username:password)"
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return refuse(BasicMissing, "no Authorization header", "the agent's webhook has no user name and password, or something on the way takes the header away")
	case len(values) > 1:
		return refuse(BasicDuplicate, fmt.Sprintf("%d Authorization headers", len(values)), "a proxy adds its own, or the agent has a custom header of that name")
	case len(values[0]) > MaxSecretHeaderBytes:
		return refuse(BasicMalformed, fmt.Sprintf("%d bytes", len(values[0])), "no credentials are that long")
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return refuse(BasicMalformed, "another scheme than Basic", "the agent sends a token: set the policy to idtoken, or the webhook's authentication to user name and password")
	}
	if strings.Contains(encoded, ",") { // a hop may join two headers with it
		return refuse(BasicDuplicate, "several values in one Authorization header", "a proxy joins two headers into one")
	}
	credentials, err := decodeCredentials(strings.TrimLeft(encoded, " "))
	if err != nil {
		return refuse(BasicMalformed, "not canonical base64", settings)
	}
	switch p.sums.match(string(credentials)) {
	case -1:
		return refuse(BasicWrong, "other credentials", settings)
	case 0:
		rep.pass(StationBasic, "credentials", "the current credentials", "the current credentials")
	default:
		rep.warn(Check{Station: StationBasic, Name: "credentials", Code: BasicPrevious, Presented: "previous credentials", Expected: "the current credentials", Rule: basicRule,
			Hint: "expected while they are being rotated; drop the previous ones only when this has stopped"})
	}
	return nil
}

// decodeCredentials decodes canonical base64 with padding. Go's decoder skips line
// ends even where it is strict, hence the second look at the length.
func decodeCredentials(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, errors.New("not canonical base64")
	}
	return b, nil
}

// HeaderConfig describes a request header of the webhook's settings in the agent
// (secretVersionsForRequestHeaders) that holds a secret. It proves what basic
// authentication proves.
type HeaderConfig struct {
	// Name is the header's; there is no default.
	Name string
	// Secrets are accepted, any of them: the current one first, then those that
	// are being rotated out (HeaderSecretPrevious). Each has at least
	// MinHeaderSecretBytes.
	Secrets []string
}

const headerRule = "docs/security.md: static header"

type headerProof struct {
	header string
	sums   secretSums
}

func newHeaderProof(cfg HeaderConfig) (*headerProof, error) {
	p := &headerProof{header: textproto.CanonicalMIMEHeaderKey(cfg.Name)}
	var problems []error
	if !validHeaderName(cfg.Name) {
		problems = append(problems, &ConfigError{"Header.Name", fmt.Sprintf("%q is not the name of a custom request header; as X-Webhook-Secret", cfg.Name)})
	}
	if len(cfg.Secrets) == 0 {
		problems = append(problems, &ConfigError{"Header.Secrets", "no secret: give the one that the agent's webhook sends in this header"})
	}
	var err error
	p.sums, err = newSecretSums("Header.Secrets", cfg.Secrets, func(s string) string {
		switch {
		case len(s) < MinHeaderSecretBytes:
			return fmt.Sprintf("%d bytes; want at least %d, for instance from: openssl rand -base64 32", len(s), MinHeaderSecretBytes)
		case strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == ',' }):
			return "has a space, a comma, a line end or a character beyond ASCII, which a header does not carry as it is; a mounted file often ends with a line end"
		}
		return ""
	})
	return p, errors.Join(append(problems, err)...)
}

func (p *headerProof) station() Station { return StationHeader }

func (p *headerProof) verify(_ context.Context, r *http.Request, rep *Report, _ time.Time) error {
	refuse := func(code Code, presented, hint string) error {
		return rep.fail(Check{Station: StationHeader, Name: "secret", Code: code, Presented: presented, Expected: "one " + p.header + " header with a configured secret", Rule: headerRule, Hint: hint}, nil)
	}
	values := r.Header[p.header]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return refuse(HeaderSecretMissing, "none", "the agent's webhook does not send this header: add it to the webhook's request headers, as a secret")
	case len(values) > 1 || strings.Contains(values[0], ","): // a hop may join two headers with a comma
		return refuse(HeaderSecretDuplicate, "several values", "a proxy adds its own, or the caller sent one and the agent another")
	case len(values[0]) > MaxSecretHeaderBytes:
		return refuse(HeaderSecretWrong, fmt.Sprintf("%d bytes", len(values[0])), "no secret is that long")
	}
	switch p.sums.match(values[0]) {
	case -1:
		return refuse(HeaderSecretWrong, "another secret", "the agent's secret is not the function's: set both to the same version")
	case 0:
		rep.pass(StationHeader, "secret", "the current secret", "the current secret")
	default:
		rep.warn(Check{Station: StationHeader, Name: "secret", Code: HeaderSecretPrevious, Presented: "a previous secret", Expected: "the current secret", Rule: headerRule,
			Hint: "expected while the secret is being rotated; drop the previous one only when this has stopped"})
	}
	return nil
}
