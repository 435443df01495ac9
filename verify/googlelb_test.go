package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusFile reads a file that other people recorded. None of them is in this
// repository: CX_CORPUS says where they are, else they lie beside the checkout.
func corpusFile(t testing.TB, path ...string) []byte {
	t.Helper()
	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no corpus: %v; set CX_CORPUS to its directory", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDeclaredNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*GoogleLBHeaders)
		want []string // the problems, in part; none if it is accepted
	}{
		{name: "documented", edit: func(*GoogleLBHeaders) {}},
		{name: "lower case", edit: func(h *GoogleLBHeaders) { h.Present = "x-client-cert-present" }},
		{name: "underscores", edit: func(h *GoogleLBHeaders) { h.Present = "client_cert_present" }},
		{name: "first and last of letters and digits", edit: func(h *GoogleLBHeaders) { h.Present = "X-AZ-az-09" }},
		{name: "slash", edit: func(h *GoogleLBHeaders) { h.Leaf = "X/Leaf" }, want: []string{"cannot"}},
		{name: "braces", edit: func(h *GoogleLBHeaders) { h.Leaf = "{client_cert_leaf}" }, want: []string{"cannot"}},
		{name: "twice", edit: func(h *GoogleLBHeaders) { h.Chain = h.Leaf }, want: []string{`"X-Client-Cert-Leaf" stands for both {client_cert_leaf} and {client_cert_chain}`}},
		{name: "twice in two cases", edit: func(h *GoogleLBHeaders) { h.Chain = strings.ToUpper(h.Leaf) }, want: []string{"stands for both"}},
		{name: "two not named", edit: func(h *GoogleLBHeaders) { h.Chain, h.Error = "", "" }, want: []string{"no name for {client_cert_error}", "no name for {client_cert_chain}"}},
		{name: "authorization", edit: func(h *GoogleLBHeaders) { h.Leaf = "authorization" }, want: []string{"cannot"}},
		{name: "host", edit: func(h *GoogleLBHeaders) { h.Leaf = "Host" }, want: []string{"cannot"}},
		{name: "connection", edit: func(h *GoogleLBHeaders) { h.Leaf = "Connection" }, want: []string{"cannot"}},
		{name: "forwarded", edit: func(h *GoogleLBHeaders) { h.Leaf = "X-Forwarded-Client-Cert" }, want: []string{"cannot"}},
		{name: "content", edit: func(h *GoogleLBHeaders) { h.Leaf = "Content-Type" }, want: []string{"cannot"}},
		{name: "google's own", edit: func(h *GoogleLBHeaders) { h.Leaf = "X-Goog-Leaf" }, want: []string{"cannot"}},
		{name: "serverless authorization", edit: func(h *GoogleLBHeaders) { h.Leaf = "X-Serverless-Authorization" }, want: []string{"cannot"}},
		{name: "pseudo header", edit: func(h *GoogleLBHeaders) { h.Leaf = ":authority" }, want: []string{"cannot"}},
		{name: "space", edit: func(h *GoogleLBHeaders) { h.Leaf = "X-Client-Cert-Leaf " }, want: []string{"cannot"}},
		{name: "not ASCII", edit: func(h *GoogleLBHeaders) { h.Leaf = "X-Client-Cert-Léaf" }, want: []string{"cannot"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := CertificateConfig{Headers: DefaultGoogleLBHeaders()}
			tt.edit(&cfg.Headers)
			_, err := newCertificateProof(cfg)
			if len(tt.want) == 0 {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want {
				want = strings.Replace(want, "cannot", "is not a header name that a load balancer can set", 1)
				if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "Certificate.Headers") {
					t.Errorf("problem %q, want %q", lines[i], want)
				}
			}
		})
	}
}

func TestEdgeHeaderCollidesWithCertificateHeader(t *testing.T) {
	for _, name := range []string{"x-client-cert-leaf", "Client-Cert"} {
		cfg := Config{Edge: EdgeConfig{Header: name, Secrets: []string{testEdgeSecret}}}
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Edge.Header: \""+http.CanonicalHeaderKey(name)+"\" is a certificate header too") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestVariables holds that the header list is whole: 14 variables of the
// balancer, once each, as its documentation names them.
func TestVariables(t *testing.T) {
	var variables []string
	for _, v := range DefaultGoogleLBHeaders().Variables() {
		variables = append(variables, v[1])
	}
	slices.Sort(variables)
	if n := len(slices.Compact(variables)); n != 14 {
		t.Errorf("%d different variables, want 14", n)
	}
	documented := string(corpusFile(t, "vectors", "gclb", "variables.md"))
	for _, v := range variables {
		prefix := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(v, "_after"), "_dn"), "_not")
		if !strings.Contains(documented, prefix) {
			t.Errorf("{%s} is not a variable of the load balancer", v)
		}
	}
}

// TestErrorCodesOfTheBalancer goes through every error code in Google's
// documentation: each refuses beside a verified chain, but for the size errors of
// rule 5, and every one that refuses has a hint of its own.
func TestErrorCodesOfTheBalancer(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(corpusFile(t, "vectors", "gclb", "error-codes.tsv"))), "\n")
	if len(lines) < 20 {
		t.Fatalf("%d codes in the corpus, want 20 or more", len(lines))
	}
	for _, line := range lines {
		word, _, _ := strings.Cut(line, "\t")
		t.Run(word, func(t *testing.T) {
			tolerable := strings.HasSuffix(word, "_exceeded_size_limit") && !strings.Contains(word, "validated")
			call := goodCall()
			call.header.Set("X-Client-Cert-Error", word)
			switch v := call.judge(t); {
			case tolerable && v.err != nil:
				t.Errorf("refused: %v", v.err)
			case tolerable && !slices.Equal(v.report.warnings(), []Code{CertSizeErrorTolerated}):
				t.Errorf("warnings %v", v.report.warnings())
			case !tolerable && (v.err == nil || v.err.Code != CertFrontError || v.err.Hint != lbErrorHints[word]):
				t.Errorf("beside a verified chain: %v", v.err)
			}
			call = goodCall()
			notVerified(word)(call)
			if v := call.judge(t); v.err == nil || v.err.Code != CertNotVerified || !tolerable && v.err.Hint != lbErrorHints[word] {
				t.Errorf("not verified: %v, want %s and a hint of its own", v.err, CertNotVerified)
			}
		})
	}
}

// TestCapturedHeaders reads what other people's load balancers sent. Neither of
// the two configurations forwards the leaf, so neither gets in.
func TestCapturedHeaders(t *testing.T) {
	var captured struct {
		Headers     map[string]string
		JSONPayload struct{ MTLS map[string]string }
	}
	call := goodCall()
	call.header = http.Header{DefaultEdgeHeader: {testEdgeSecret}}
	if err := json.Unmarshal(corpusFile(t, "vectors", "gclb", "captured-headers.json"), &captured); err != nil {
		t.Fatal(err)
	}
	for name, value := range captured.Headers {
		call.header.Set(name, value)
	}
	if v := call.judge(t); v.err == nil || v.err.Code != CertLeafMissing {
		t.Errorf("captured headers: %v, want %s", v.err, CertLeafMissing)
	}

	if err := json.Unmarshal(corpusFile(t, "vectors", "gclb", "captured-gateway-log.json"), &captured); err != nil {
		t.Fatal(err)
	}
	log := captured.JSONPayload.MTLS
	call = goodCall()
	call.header = http.Header{DefaultEdgeHeader: {testEdgeSecret}}
	for name, value := range map[string]string{
		"X-Client-Cert-Present": log["clientCertPresent"], "X-Client-Cert-Chain-Verified": log["clientCertChainVerified"],
		"X-Client-Cert-Error": log["clientCertError"], "X-Client-Cert-Hash": log["clientCertSha256Fingerprint"],
		"X-Client-Cert-Valid-Not-Before": log["clientCertValidStartTime"], "X-Client-Cert-Valid-Not-After": log["clientCertValidEndTime"],
	} {
		if value == "" {
			t.Errorf("the captured log has no %s", name)
		}
		call.header.Set(name, value)
	}
	v := call.judge(t)
	if v.err == nil || v.err.Code != CertNotVerified || v.err.Hint != lbErrorHints["client_cert_validation_not_performed"] {
		t.Errorf("captured log: %v, want %s and what to do about the missing TrustConfig", v.err, CertNotVerified)
	}

	// Its fingerprint is written as ours are: 32 bytes, no padding.
	if len(log["clientCertSha256Fingerprint"]) != len(mustMake(parseLeaf(world().google.Raw)).hash) {
		t.Errorf("the captured fingerprint %q is written in another way than ours", log["clientCertSha256Fingerprint"])
	}
}

// TestHints holds the words by which an operator finds what to change.
func TestHints(t *testing.T) {
	w := world()
	for _, tt := range []struct {
		name string
		do   func(*certCall)
		want []string // in the hint
	}{
		{"eku", notVerified("client_cert_chain_invalid_eku"), []string{"clientAuth", "custom client certificate"}},
		{"joined words", notVerified("client_cert_of_the_future, client_cert_validation_not_performed"), []string{"clientValidationTrustConfig"}},
		{"no certificate", noCertificate("client_cert_not_provided"), []string{lbErrorHints["client_cert_not_provided"]}},
		{"no leaf", omits("X-Client-Cert-Leaf"), []string{"{client_cert_leaf}", "allow-list"}},
		{"no fingerprint", omits("X-Client-Cert-Hash"), []string{"{client_cert_sha256_fingerprint}"}},
		{"unknown authority", func(call *certCall) { call.client(w.strangerSub.issueClient(dn(common("Google LLC"))), w.strangerSub) }, []string{"x509: certificate signed by unknown authority", "Stranger Root", "CA file"}},
		{"unknown authority, whole chain", func(call *certCall) {
			call.client(w.strangerSub.issueClient(dn(common("Google LLC"))), w.strangerSub, w.stranger)
		}, []string{"Stranger Root"}},
		{"a rule of X.509", func(call *certCall) {
			call.client(w.r2.issueClient(dn(common("Google LLC")), func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2}, Critical: true, Value: []byte{5, 0}}}
			}), w.r2)
		}, []string{"the chain breaks a rule of X.509; the cause names it"}},
		{"somebody else", presents(mallory, r2), []string{"custom client certificate"}},
		{"edge", omits(DefaultEdgeHeader), []string{"whole list"}},
		{"contradiction", sends("X-Client-Cert-Present", "false"), []string{"not all headers are the balancer's"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call := goodCall()
			tt.do(call)
			v := call.judge(t)
			if v.err == nil {
				t.Fatal("let in")
			}
			for _, want := range tt.want {
				if !strings.Contains(v.err.Hint, want) {
					t.Errorf("hint %q, want it to say %q", v.err.Hint, want)
				}
			}
		})
	}
}
