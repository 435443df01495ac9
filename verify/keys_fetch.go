package verify

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

const (
	// KeysTimeout bounds a fetch of the key set, from the connection to the last
	// byte. It leaves a waiting call more than half of Dialogflow's 5 s.
	KeysTimeout = 2 * time.Second
	// MaxKeysBytes bounds the key set; Google's has about 2 KB.
	MaxKeysBytes = 64 << 10

	// A key set is used for as long as its Cache-Control says (Google's: about six
	// hours), within these bounds; keysLifetime where it does not say.
	keysLifetime    = time.Hour
	keysLifetimeMin = 5 * time.Minute
	keysLifetimeMax = 24 * time.Hour

	// minRSABits and maxRSABits bound the keys: shorter ones can be broken, and
	// longer ones take milliseconds a token. go-jose reads no longer ones either.
	minRSABits = 2048
	maxRSABits = 4096
	// maxKeyIDBytes bounds a key's name; Google's have 40 bytes.
	maxKeyIDBytes = 128
)

// newKeySet checks the URL, which is the configuration's field. It does not touch
// the network.
func newKeySet(field, keysURL string, parse func([]byte) (*keys, error), now func() time.Time) (*keySet, error) {
	u, err := url.Parse(keysURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, &ConfigError{field, "want an absolute http or https URL, without user and fragment, as " + GoogleKeysURL}
	}
	return &keySet{url: keysURL, parse: parse, now: now, client: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: KeysTimeout}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1,
			IdleConnTimeout:        10 * time.Second, // the next fetch is hours away
			MaxResponseHeaderBytes: 16 << 10,
		},
		// Keys come from the URL that was named, and from nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// fetch gets a key set over the network. It runs on a context of its own: the
// call that began it may end, and others wait for it too.
func (s *keySet) fetch() (*keys, error) {
	ctx, cancel := context.WithTimeout(context.Background(), KeysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key set: %s answers %d", req.URL.Redacted(), resp.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || media != "application/json" && media != "application/jwk-set+json" {
		return nil, fmt.Errorf("key set: %s answers content type %q, want application/json", req.URL.Redacted(), shown(resp.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxKeysBytes+1))
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(body) > MaxKeysBytes {
		return nil, fmt.Errorf("key set: over %d bytes", MaxKeysBytes)
	}
	k, err := s.parse(body)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	// Without its monotonic part: that one stands still while an instance sleeps,
	// and keys expire all the same.
	lifetime := lifetime(resp.Header)
	k.fetched = s.now().Round(0)
	k.refresh, k.expires = k.fetched.Add(lifetime*3/4), k.fetched.Add(lifetime)
	return k, nil
}

// parseKeys reads Google's key set. Keys for other purposes than RS256 are passed over
// (RFC 7517 section 5). A signing key that is weak, without a name or with
// another's name refuses the whole set: that is not Google's.
func parseKeys(body []byte) (*keys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	k := &keys{byID: make(map[string]*key, len(set.Keys))}
	for i, raw := range set.Keys {
		var head struct {
			Type      string `json:"kty"`
			Use       string `json:"use"`
			Algorithm string `json:"alg"`
			ID        string `json:"kid"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if head.Type != "RSA" || head.Use != "" && head.Use != "sig" || head.Algorithm != "" && head.Algorithm != "RS256" {
			continue
		}
		var parsed jose.JSONWebKey
		if err := parsed.UnmarshalJSON(raw); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		public, ok := parsed.Key.(*rsa.PublicKey)
		switch {
		case !ok:
			return nil, fmt.Errorf("key %d: not a public RSA key", i+1)
		case public.N.BitLen() < minRSABits || public.N.BitLen() > maxRSABits:
			return nil, fmt.Errorf("key %d: %d bits, want %d to %d", i+1, public.N.BitLen(), minRSABits, maxRSABits)
		case public.N.Bit(0) == 0 || public.E < 3 || public.E%2 == 0 || public.E > math.MaxInt32:
			return nil, fmt.Errorf("key %d: modulus or exponent is not RSA's", i+1)
		case head.ID == "" || len(head.ID) > maxKeyIDBytes:
			return nil, fmt.Errorf("key %d: a kid of %d bytes, want 1 to %d", i+1, len(head.ID), maxKeyIDBytes)
		case k.has(head.ID):
			return nil, fmt.Errorf("key %d: kid %q twice", i+1, shown(head.ID))
		}
		usable, err := newKey(head.ID, public)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		k.byID[head.ID] = usable
	}
	if len(k.byID) == 0 {
		return nil, errors.New("no key for RS256 in it")
	}
	return k, nil
}

// newKey writes the key again, for idtoken: what that reads is what was checked.
func newKey(kid string, public *rsa.PublicKey) (*key, error) {
	type webKey struct {
		ID       string `json:"kid"`
		Modulus  string `json:"n"`
		Exponent string `json:"e"`
	}
	var set struct {
		Keys [1]webKey `json:"keys"`
	}
	set.Keys[0] = webKey{kid, base64.RawURLEncoding.EncodeToString(public.N.Bytes()), base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes())}
	k := &key{print: printOf(public)}
	var err error
	if k.body, err = json.Marshal(set); err != nil {
		return nil, err
	}
	k.validator, err = idtoken.NewValidator(context.Background(), option.WithHTTPClient(&http.Client{Transport: k}))
	return k, err
}

func printOf(public *rsa.PublicKey) keyPrint {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(public.E)), public.N.Bytes()...))
}

// lifetime is how long a response may be kept: max-age less Age (RFC 9111
// section 4.2), within our own bounds.
func lifetime(h http.Header) time.Duration {
	maxAge := int64(-1)
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return keysLifetimeMin
		case "max-age":
			if n, ok := seconds(strings.Trim(value, `"`)); ok && (maxAge < 0 || n < maxAge) {
				maxAge = n
			}
		}
	}
	if maxAge < 0 {
		return keysLifetime
	}
	age, _ := seconds(h.Get("Age"))
	return min(max(time.Duration(maxAge-age)*time.Second, keysLifetimeMin), keysLifetimeMax)
}

// seconds reads a number of seconds; those of 68 years and more are as long as
// RFC 9111 section 1.2.2 asks for.
func seconds(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return int64(min(n, math.MaxInt32)), true
}
