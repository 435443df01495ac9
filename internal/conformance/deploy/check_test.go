package deploy

import (
	"crypto/tls"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/certificatemanager/apiv1/certificatemanagerpb"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

var now = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// render gives the files as they are imported, by their names, for a made-up
// project with the settings.
func render(t *testing.T, settings ...string) map[string]string {
	t.Helper()
	target := t.TempDir()
	if out, code := script(t, copyScripts(t), append(slices.Clone(required), settings...), "render", target); code != 0 {
		t.Fatalf("setup.sh render ended with %d:\n%s", code, out)
	}
	files, err := filepath.Glob(filepath.Join(target, "*"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(data)
	}
	return texts
}

// rendered gives every file, each for the profile that has it.
func rendered(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	own := append(custom(t, dir), "MTLS=strict", "SERVER_CA_FILE="+filepath.Join(dir, "ca.pem"))
	files := render(t, own...)
	maps.Copy(files, render(t, append(own, "TRUST=both")...))
	maps.Copy(files, render(t))
	return files
}

// TestFiles: every file of deploy/ is a message of Google's.
func TestFiles(t *testing.T) {
	files := rendered(t)
	sources, err := filepath.Glob(filepath.Join(scripts, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 8 {
		t.Fatalf("%d files in deploy/: they are not found any more", len(sources))
	}
	for _, source := range sources {
		name := filepath.Base(source)
		m, err := Check(name, []byte(files[name]), now)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Logf("%-28s %s", name, m.ProtoReflect().Descriptor().FullName())
	}
	both, err := Check("trust-config-both.yaml", []byte(files["trust-config-both.yaml"]), now)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(both.(*certificatemanagerpb.TrustConfig).GetTrustStores()[0].GetTrustAnchors()); n != 7 {
		t.Errorf("trust-config-both.yaml has %d trust anchors; want Google's 6 and one's own", n)
	}
	if len(sources) < len(kinds) {
		t.Errorf("%d kinds, and %d files", len(kinds), len(sources))
	}
	for _, settings := range [][]string{{"MTLS=lenient"}, {"MTLS=strict"}} {
		for name, text := range render(t, settings...) {
			if _, err := Check(name, []byte(text), now); err != nil {
				t.Errorf("with %s: %v", settings, err)
			}
		}
	}
}

// TestHeaders: the list of header names that the balancer is given is the
// function's own.
func TestHeaders(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(scripts, "headers.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, header := range verify.DefaultGoogleLBHeaders().Variables() {
		want = append(want, header[0]+":{"+header[1]+"}")
	}
	if got := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(got, want) {
		t.Errorf("headers.txt:\n%s\nwant\n%s", text, strings.Join(want, "\n"))
	}
}

// TestMistakes: each mistake planted in a file is refused; TestFiles accepts the
// files as they are.
func TestMistakes(t *testing.T) {
	files := rendered(t)
	trust := files["trust-config-google.yaml"]
	lines := strings.SplitAfter(trust, "\n")
	first := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "pemCertificate") })
	root := strings.Join(lines[first-1:first+2], "") // a trust anchor, with its braces
	for _, tt := range []struct{ file, name, old, new, want string }{
		{"backend-service.yaml", "a field", `"customRequestHeaders"`, `"customRequestHeader"`, "customRequestHeader: no such field of google.cloud.compute.v1.BackendService"},
		{"backend-service.yaml", "a scheme that does not exist", "EXTERNAL_MANAGED", "EXTERNAL_MANGED", `"EXTERNAL_MANGED" is not a value of google.cloud.compute.v1.BackendService.LoadBalancingScheme`},
		{"backend-service.yaml", "the classic balancer", "EXTERNAL_MANAGED", "EXTERNAL", `loadBalancingScheme is "EXTERNAL"; want EXTERNAL_MANAGED`},
		{"backend-service.yaml", "a cache", `"protocol":`, `"enableCDN": true, "protocol":`, "enableCDN: answers to one caller are not for another"},
		{"backend-service.yaml", "a missing header", `"X-Client-Cert-Leaf:{client_cert_leaf}",`, "", "header X-Client-Cert-Leaf is not set: the client's own would pass through"},
		{"backend-service.yaml", "another name", "X-Client-Cert-Leaf:", "X-Client-Cert-Leafs:", "header x-client-cert-leafs is set, and the function does not read it"},
		{"backend-service.yaml", "another variable", "{client_cert_leaf}", "{client_cert_chain}", "header X-Client-Cert-Leaf is set to {client_cert_chain}; the function reads {client_cert_leaf} there"},
		{"backend-service.yaml", "a repeated header", `"X-Client-Cert-Leaf:`, `"x-client-cert-leaf:x", "X-Client-Cert-Leaf:`, `header "X-Client-Cert-Leaf:{client_cert_leaf}": want NAME:VALUE, each name once`},
		{"backend-service.yaml", "no edge secret", verify.DefaultEdgeHeader, "X-Edge", "header X-Cxhook-Edge is not set: the function refuses every call"},
		{"backend-service.yaml", "an empty edge secret", verify.DefaultEdgeHeader + ":the-edge-secret", verify.DefaultEdgeHeader + ":", "header X-Cxhook-Edge is not set: the function refuses every call"},
		{"backend-service.yaml", "too many headers", `"X-Client-Cert-Leaf:`, `"A:1", "B:2", "X-Client-Cert-Leaf:`, "17 headers of "},
		{"backend-service.yaml", "too long", "the-edge-secret", strings.Repeat("x", 8<<10), "the balancer takes 16 of 8192"},
		{"backend-service.yaml", "not filled in", "made-up-project", "${PROJECT}", "${PROJECT} is not filled in"},

		{"trust-config-google.yaml", "a field", "trustAnchors", "trustAnchor", "trustStores[0].trustAnchor: no such field of google.cloud.certificatemanager.v1.TrustConfig.TrustStore"},
		{"trust-config-google.yaml", "a missing root", root, "", "is missing: the function trusts it"},
		{"trust-config-google.yaml", "a broken certificate", `-----BEGIN CERTIFICATE-----\nMII`, `-----BEGIN CERTIFICATE-----\nMI`, "trustAnchors[0]: want one PEM certificate and nothing else"},
		{"trust-config-google.yaml", "another block", `BEGIN CERTIFICATE`, `BEGIN PUBLIC KEY`, "trustAnchors[0]: want one PEM certificate and nothing else"},
		{"trust-config-google.yaml", "a root as an intermediate", `"intermediateCas": [`, `"intermediateCas": [` + root, "intermediate CN=SSL.com Root Certification Authority RSA,O=SSL Corporation,L=Houston,ST=Texas,C=US: the function does not trust it"},
		{"trust-config-custom.yaml", "a leaf", `"pemCertificate": "`, `"pemCertificate": "` + leafPEM(t), "is no CA"},
		{"trust-config-custom.yaml", "no root", "trustAnchors", "intermediateCas", "no trust anchor"},

		{"server-tls-policy.yaml", "a field", "mtlsPolicy", "mTLSPolicy", "mTLSPolicy: no such field of google.cloud.networksecurity.v1.ServerTlsPolicy; have mtlsPolicy"},
		{"server-tls-policy.yaml", "a mode that does not exist", "ALLOW_INVALID_OR_MISSING_CLIENT_CERT", "ALLOW", `server-tls-policy.yaml:3: invalid value for enum field clientValidationMode: "ALLOW"`},
		{"server-tls-policy.yaml", "no mode", `"clientValidationMode": "ALLOW_INVALID_OR_MISSING_CLIENT_CERT",`, "", "mtlsPolicy.clientValidationMode is not set"},
		{"server-tls-policy.yaml", "a regional trust config", "locations/global", "locations/europe-west1", `mtlsPolicy.clientValidationTrustConfig is "projects/made-up-project/locations/europe-west1/trustConfigs/cxhook-google"; want`},

		{"target-https-proxy.yaml", "a field", "serverTlsPolicy", "serverTLSPolicy", "serverTLSPolicy: no such field of google.cloud.compute.v1.TargetHttpsProxy; have serverTlsPolicy"},
		{"target-https-proxy.yaml", "a policy without its API", "//networksecurity.googleapis.com/", "", `serverTlsPolicy is "projects/made-up-project/locations/global/serverTlsPolicies/cxhook-lenient-google"; want`},
		{"target-https-proxy.yaml", "a certificate in place of a map", "certificateMaps/", "certificates/", `certificateMap is "//certificatemanager.googleapis.com/projects/made-up-project/locations/global/certificates/cxhook"; want`},
		{"forwarding-rule.yaml", "a field", "IPAddress", "ipAddress", "ipAddress: no such field of google.cloud.compute.v1.ForwardingRule; have IPAddress"},
		{"forwarding-rule.yaml", "port 80", "443-443", "80-443", `portRange is "80-443"; want 443(-443)?`},
		{"url-map.yaml", "a field", "defaultService", "defaultservice", "defaultservice: no such field of google.cloud.compute.v1.UrlMap; have defaultService"},
		{"network-endpoint-group.yaml", "a field", "cloudRun", "cloudrun", "cloudrun: no such field of google.cloud.compute.v1.NetworkEndpointGroup; have cloudRun"},
		{"network-endpoint-group.yaml", "a type", "SERVERLESS", "SERVERLES", `"SERVERLES" is not a value of google.cloud.compute.v1.NetworkEndpointGroup.NetworkEndpointType`},
		{"security-policy.yaml", "a field", "srcIpRanges", "sourceRanges", "rules[1].match.config.sourceRanges: no such field of google.cloud.compute.v1.SecurityPolicyRuleMatcherConfig"},
		{"security-policy.yaml", "no default", "2147483647", "2000", "no rule of priority 2147483647"},
		{"security-policy.yaml", "two rules at once", "2147483647", "1000", "two rules of priority 1000"},
		{"webhook.yaml", "a field", "serviceAgentAuth", "serviceAgent", "genericWebService.serviceAgent: no such field of google.cloud.dialogflow.cx.v3.Webhook.GenericWebService"},
		{"webhook.yaml", "an access token", "ID_TOKEN", "ACCESS_TOKEN", "genericWebService.serviceAgentAuth is ACCESS_TOKEN; want ID_TOKEN"},
		{"webhook.yaml", "plain http", "https:", "http:", `genericWebService.uri is "http://webhook.example.com/shirts"; want`},
		{"webhook.yaml", "a long timeout", `"5s"`, `"31s"`, "timeout is 31s; want one up to 30 s"},
		{"agent.yaml", "a field", "sslCertificate", "certificate", "clientCertificateSettings.certificate: no such field of google.cloud.dialogflow.cx.v3.Agent.ClientCertificateSettings"},
	} {
		t.Run(tt.file+"/"+tt.name, func(t *testing.T) {
			changed := strings.Replace(files[tt.file], tt.old, tt.new, 1)
			if changed == files[tt.file] {
				t.Fatalf("%q is not in %s any more:\n%s", tt.old, tt.file, files[tt.file])
			}
			_, err := Check(tt.file, []byte(changed), now)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	if _, err := Check("trust-config-google.yaml", []byte(trust), now.AddDate(30, 0, 0)); err == nil || !strings.Contains(err.Error(), "is valid from") {
		t.Errorf("in thirty years: %v", err)
	}
	if _, err := Check("something.yaml", nil, now); err == nil || err.Error() != "something.yaml: of no kind that is known here" {
		t.Errorf("an unknown kind: %v", err)
	}
}

// customCA is an operator's own, with a client's certificate.
func customCA(t *testing.T) (*emulator.PKI, *tls.Certificate) {
	t.Helper()
	pki, err := emulator.NewPKI(now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := pki.ClientCertificate("custom")
	if err != nil {
		t.Fatal(err)
	}
	return pki, client
}

// leafPEM is a client's certificate as it stands in JSON, with the end of its
// string and the beginning of the next.
func leafPEM(t *testing.T) string {
	t.Helper()
	_, client := customCA(t)
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.Certificate[0]})
	return strings.ReplaceAll(string(leaf), "\n", `\n`) + `"}, {"pemCertificate": "`
}
