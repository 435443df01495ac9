package webhook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

// environment sets the variables that a good configuration needs, and those of the
// row on top; "" unsets.
func environment(t *testing.T, row map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, envPrefix) {
			unset(t, name)
		}
	}
	unset(t, "K_SERVICE")
	good := map[string]string{
		envAudiences: "https://webhook.example.com/shirts", envProjectNumbers: "123456789012",
		envEdgeSecret: strings.Repeat("s", verify.MinEdgeSecretBytes),
	}
	for _, set := range []map[string]string{good, row} {
		for name, value := range set {
			t.Setenv(name, value)
			if value == unsetValue {
				unset(t, name)
			}
		}
	}
}

const unsetValue = "(unset)"

func unset(t *testing.T, name string) {
	t.Setenv(name, "") // so that the test's end restores it
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func TestConfigFromEnv(t *testing.T) {
	for _, row := range []struct {
		name string
		env  map[string]string
		want []string // each is in the error; none: it is accepted
	}{
		{name: "good"},
		{"no audience", map[string]string{envAudiences: unsetValue}, []string{envAudiences + ": "}},
		{"empty entry", map[string]string{envAudiences: "https://a.example/,"}, []string{envAudiences + ": entry 2 of the list is empty"}},
		{"two audiences", map[string]string{envAudiences: "https://a.example/, https://a.example"}, nil},
		{"no project", map[string]string{envProjectNumbers: unsetValue}, []string{envProjectNumbers + ": "}},
		{"project id for number", map[string]string{envProjectNumbers: "my-project"}, []string{envProjectNumbers + ": "}},
		{"unknown policy", map[string]string{envPolicy: "none"}, []string{envPolicy + `: "none" is not a policy`}},
		{"the policy by name", map[string]string{envPolicy: "mtls+idtoken"}, nil},
		{"no edge secret", map[string]string{envEdgeSecret: unsetValue}, []string{envEdgeSecret + ": no edge secret"}},
		{"no edge secret, meant", map[string]string{envEdgeSecret: unsetValue, envNoEdgeSecret: "true"}, nil},
		{"empty edge secret", map[string]string{envEdgeSecret: ""}, []string{envEdgeSecret + ": set, but empty"}},
		{"short edge secret", map[string]string{envEdgeSecret: "short"}, []string{envEdgeSecret + ": 5 bytes; want at least 22"}},
		{"secret and none", map[string]string{envNoEdgeSecret: "true"}, []string{envNoEdgeSecret + ": an edge secret is configured too"}},
		{"rotation", map[string]string{envEdgePrevious: strings.Repeat("p", 30)}, nil},
		{"neither true nor false", map[string]string{envLogChecks: "yes"}, []string{envLogChecks + `: "yes"; want true or false`}},
		{"unknown source", map[string]string{envCertSource: "haproxy"}, []string{envCertSource + `: "haproxy" is not a source`}},
		{"each source", map[string]string{envCertSource: "xfcc", envXFCCElements: "2", envCertHeaders: "xfcc=X-Cert"}, nil},
		{"elements of nobody", map[string]string{envXFCCElements: "2"}, []string{envXFCCElements + ": is for the source xfcc"}},
		{"elements that are none", map[string]string{envCertSource: "xfcc", envXFCCElements: "two"}, []string{envXFCCElements + `: "two"; want`}},
		{"header of another source", map[string]string{envCertSource: "nginx", envCertHeaders: "leaf=X-Leaf"}, []string{envCertHeaders + `: "leaf=X-Leaf"; want WHAT=NAME, WHAT being one of cert, verify`}},
		{"header that no front can set", map[string]string{envCertHeaders: "client_cert_leaf=Authorization"}, []string{envCertHeaders + `: "Authorization"`}},
		{"edge header among the certificate's", map[string]string{envEdgeHeader: "X-Client-Cert-Leaf"}, []string{envEdgeHeader + `: "X-Client-Cert-Leaf" is a certificate header too`}},
		{"tls needs no edge secret", map[string]string{envCertSource: "tls", envEdgeSecret: unsetValue}, nil},
		{"headers need one", map[string]string{envCertSource: "nginx", envEdgeSecret: unsetValue}, []string{envEdgeSecret + ": no edge secret"}},
		{"tls in the cloud", map[string]string{envCertSource: "tls", "K_SERVICE": "webhook"}, []string{envCertSource + ": tls: Cloud Run terminates TLS"}},
		{"custom without anything", map[string]string{envIdentities: "google,custom"}, []string{envCustomCA + ": not set", envCustomCN + ": not set, nor is"}},
		{"custom that is not accepted", map[string]string{envCustomURI: "spiffe://a/b"}, []string{envCustomURI + ": set, but custom is not among"}},
		{"server certificates behind the balancer", map[string]string{envDangerServerCerts: "true"}, []string{envDangerServerCerts + ": of a certificate"}},
		{"report only", map[string]string{envCertReportOnly: "true"}, nil},
		{"unknown identity", map[string]string{envIdentities: "google,gogle"}, []string{envIdentities + `: "gogle" is not an identity`}},
		{"one identity", map[string]string{envIdentities: "google"}, nil},
		{"denied", map[string]string{envDeniedCerts: "12:34"}, []string{envDeniedCerts + `: "12:34" is not a SHA-256 fingerprint`}},
		{"budget without unit", map[string]string{envBudget: "4"}, []string{envBudget + `: "4"; want a duration`}},
		{"budget too long", map[string]string{envBudget: "31s"}, []string{envBudget + `: "31s"; want a duration`}},
		{"budget", map[string]string{envBudget: "9s"}, nil},
		{"no concurrency", map[string]string{envCalls: "0"}, []string{envCalls + `: "0"; want a number of calls from 1 to 1000`}},
		{"concurrency in words", map[string]string{envCalls: "many"}, []string{envCalls + `: "many"; want`}},
		{"more concurrency than Cloud Run's", map[string]string{envCalls: "1001"}, []string{envCalls + `: "1001"; want`}},
		{"concurrency", map[string]string{envCalls: "1000"}, nil},
		{"no such file", map[string]string{envGoogleCA: "/nowhere.pem"}, []string{envGoogleCA + ": /nowhere.pem: open"}},
		{"unknown variable", map[string]string{"CXHOOK_AUDIENCE": "x"}, []string{"CXHOOK_AUDIENCE: no such setting; have CXHOOK_POLICY, "}},
		{"other keys in the cloud", map[string]string{envKeysURL: "https://keys.example/", "K_SERVICE": "webhook"}, []string{envKeysURL + ": whoever serves this URL"}},
		{"other keys in the cloud, meant", map[string]string{envKeysURL: "https://keys.example/", "K_SERVICE": "webhook", envDangerKeysURL: "true"}, nil},
		{"other keys elsewhere", map[string]string{envKeysURL: "https://keys.example/"}, nil},
		{"log somewhere else", map[string]string{envLog: "file"}, []string{envLog + `: "file"; want stdout or cloud-logging`}},
		{"log to the client", map[string]string{envLog: LogCloud, envProject: "shirts"}, nil},
		{"log to the client of no project", map[string]string{envLog: LogCloud, envProject: unsetValue}, []string{envProject + ": not set: " + envLog}},
		{"log to the client on Cloud Run", map[string]string{envLog: LogCloud, envProject: "shirts", "K_SERVICE": "webhook"}, []string{envLog + ": cloud-logging: Cloud Run collects standard output"}},
		{"spans over gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []string{"OTEL_EXPORTER_OTLP_PROTOCOL: "}},
		{"spans", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, nil},
		{"everything at once", map[string]string{envAudiences: unsetValue, envProjectNumbers: "p", envEdgeSecret: "", envBudget: "x", envPolicy: "y"},
			[]string{envAudiences + ": ", envProjectNumbers + ": ", envEdgeSecret + ": set, but empty", envBudget + ": ", envPolicy + ": "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			environment(t, row.env)
			_, err := ConfigFromEnv()
			if len(row.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, want := range row.want {
				if err == nil || !strings.Contains(err.Error(), "\n"+want) {
					t.Errorf("got %v\nwant a line that begins with %q", err, want)
				}
			}
		})
	}
}

func TestConfigValues(t *testing.T) {
	environment(t, map[string]string{envAudiences: "https://a.example/x, https://b.example/y", envBudget: "1500ms", envCalls: "12", envEdgePrevious: strings.Repeat("p", 30), envIdentities: "google-legacy", envProject: "shirts-1"})
	cfg, err := ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Verify.Token.Audiences; len(got) != 2 || got[1] != "https://b.example/y" {
		t.Errorf("audiences %q", got)
	}
	if cfg.Budget != 1500*time.Millisecond || cfg.Concurrency != 12 || len(cfg.Verify.Edge.Secrets) != 2 || cfg.Project != "shirts-1" {
		t.Errorf("got %+v", cfg)
	}
	if ids := cfg.Verify.Certificate.Identities; len(ids) != 1 || ids[0].Name != "google-legacy" {
		t.Errorf("identities %+v", ids)
	}
}

func TestConfigCAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{envGoogleCA: file})
	if _, err := ConfigFromEnv(); err == nil || !strings.Contains(err.Error(), envGoogleCA+": "+file+": certificate 1: ") {
		t.Errorf("got %v", err)
	}
}

// The certificate of an agent of one's own, beside Google's, with names of headers
// that differ.
func TestConfigCustom(t *testing.T) {
	pki, _ := keyMaterial()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pki.Bundle("custom"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{envIdentities: "google,custom", envCustomCA: file, envCustomCN: "shirts-agent", envCustomDNS: "shirts-agent.local",
		envCertHeaders: "client_cert_leaf=X-Leaf,client_cert_chain=X-Chain", envEdgeHeader: "X-Edge"})
	cfg, err := ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	cert := cfg.Verify.Certificate
	if id := cert.Identities[1]; id.Name != "custom" || id.CommonName != "shirts-agent" || id.DNSName != "shirts-agent.local" || len(id.Roots) != 1 {
		t.Errorf("identity %+v", id)
	}
	if h := cert.Headers; h.Leaf != "X-Leaf" || h.Chain != "X-Chain" || h.Present != "X-Client-Cert-Present" || cfg.Verify.Edge.Header != "X-Edge" {
		t.Errorf("headers %+v, edge %q", h, cfg.Verify.Edge.Header)
	}
}
