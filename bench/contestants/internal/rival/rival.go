// Package rival is the honest rival: a function that proves its callers as well as
// one does in an afternoon, by idtoken.Validate and crypto/x509 on every call.
package rival

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"

	"example.com/cxhook/bench/plain"
)

// Call is what there is to log of a call.
type Call struct {
	Request *http.Request
	Status  int
	Size    int
	Took    time.Duration
	Err     error // nil if it was answered
}

// Handler verifies and answers; logged is called at the end of each call. What it
// expects of a caller is read from the environment, under the names that contestant
// e has.
func Handler(logged func(Call)) http.HandlerFunc {
	v, err := newVerifier()
	if err != nil {
		log.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		status, out, err := v.serve(r)
		if err != nil {
			http.Error(w, http.StatusText(status), status)
		} else {
			w.Header().Set("Content-Type", "application/json")
			w.Write(out)
		}
		logged(Call{Request: r, Status: status, Size: len(out), Took: time.Since(start), Err: err})
	}
}

type verifier struct {
	audience, email, edge string
	roots                 *x509.CertPool
	tokens                *idtoken.Validator
}

func newVerifier() (*verifier, error) {
	v := &verifier{audience: os.Getenv("CXHOOK_AUDIENCES"), edge: os.Getenv("CXHOOK_EDGE_SECRET"), roots: x509.NewCertPool(),
		email: "service-" + os.Getenv("CXHOOK_PROJECT_NUMBERS") + "@gcp-sa-dialogflow.iam.gserviceaccount.com"}
	bundle, err := os.ReadFile(os.Getenv("CXHOOK_GOOGLE_CA_FILE"))
	if err != nil {
		return nil, err
	}
	root, _ := pem.Decode(bundle) // root first
	if root == nil || !v.roots.AppendCertsFromPEM(pem.EncodeToMemory(root)) {
		return nil, errors.New("no root")
	}
	keys, err := url.Parse(os.Getenv("CXHOOK_KEYS_URL"))
	if err != nil {
		return nil, err
	}
	v.tokens, err = idtoken.NewValidator(context.Background(), option.WithHTTPClient(&http.Client{Transport: elsewhere{keys}}))
	return v, err
}

// elsewhere sends what idtoken asks Google's key server for to another one: the
// library has no setting for that.
type elsewhere struct{ keys *url.URL }

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL, r.Host = e.keys, e.keys.Host
	return http.DefaultTransport.RoundTrip(r)
}

func (v *verifier) serve(r *http.Request) (status int, out []byte, err error) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Cxhook-Edge")), []byte(v.edge)) != 1 {
		return http.StatusForbidden, nil, errors.New("edge secret")
	}
	if err := v.certificate(r.Header); err != nil {
		return http.StatusForbidden, nil, err
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return http.StatusUnauthorized, nil, errors.New("no token")
	}
	payload, err := v.tokens.Validate(r.Context(), bearer, v.audience)
	if err != nil {
		return http.StatusUnauthorized, nil, err
	}
	if payload.Issuer != "https://accounts.google.com" || payload.Claims["email"] != v.email || payload.Claims["email_verified"] != true {
		return http.StatusUnauthorized, nil, fmt.Errorf("token of %v", payload.Claims["email"])
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		out, err = plain.Answer(body)
	}
	if err != nil {
		return http.StatusBadRequest, nil, err
	}
	return http.StatusOK, out, nil
}

// certificate verifies the leaf that the load balancer forwards.
func (v *verifier) certificate(h http.Header) error {
	if h.Get("X-Client-Cert-Chain-Verified") != "true" {
		return errors.New("certificate: not verified by the load balancer")
	}
	leaf, err := parse(h.Get("X-Client-Cert-Leaf"))
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for item := range strings.SplitSeq(h.Get("X-Client-Cert-Chain"), ",") {
		cert, err := parse(strings.TrimSpace(item))
		if err != nil {
			return err
		}
		between.AddCert(cert)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: v.roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return err
	}
	if leaf.Subject.CommonName != "Google LLC" {
		return fmt.Errorf("certificate of %s", leaf.Subject)
	}
	return nil
}

func parse(value string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
