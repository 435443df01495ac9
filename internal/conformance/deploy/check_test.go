package deploy

import (
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

var now = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// samples are one file of each kind, as they should be.
func samples() map[string]string {
	var headers, anchors, intermediates strings.Builder
	for _, h := range verify.DefaultGoogleLBHeaders().Variables() {
		fmt.Fprintf(&headers, "- %s:{%s}\n", h[0], h[1])
	}
	google, legacy := verify.GoogleIdentity(), verify.GoogleLegacyIdentity()
	for _, id := range []verify.Identity{google, legacy} {
		for _, cert := range id.Roots {
			fmt.Fprintf(&anchors, "  - pemCertificate: %q\n", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		}
		for _, cert := range id.Intermediates {
			fmt.Fprintf(&intermediates, "  - pemCertificate: %q\n", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		}
	}
	return map[string]string{
		"backend-service.yaml": "name: cxhook\nloadBalancingScheme: EXTERNAL_MANAGED\nprotocol: HTTPS\nbackends:\n- group: projects/p/regions/r/networkEndpointGroups/cxhook\n" +
			"customRequestHeaders:\n" + headers.String() + "- X-Cxhook-Edge:secret\n",
		"trust-config.yaml":        "trustStores:\n- trustAnchors:\n" + anchors.String() + "  intermediateCas:\n" + intermediates.String(),
		"trust-config-custom.yaml": "trustStores:\n- trustAnchors:\n" + anchors.String(),
		"server-tls-policy.yaml":   "name: cxhook-1\nmtlsPolicy:\n  clientValidationMode: REJECT_INVALID\n  clientValidationTrustConfig: projects/p/locations/global/trustConfigs/cxhook\n",
		"target-https-proxy.yaml":  "name: cxhook\nurlMap: https://www.googleapis.com/compute/v1/projects/p/global/urlMaps/cxhook\nserverTlsPolicy: //networksecurity.googleapis.com/projects/p/locations/global/serverTlsPolicies/cxhook-1\n",
		"forwarding-rule.yaml":     "name: cxhook\nIPAddress: 192.0.2.1\nIPProtocol: TCP\nloadBalancingScheme: EXTERNAL_MANAGED\nportRange: '443'\n",
		"url-map.yaml":             "name: cxhook\ndefaultService: projects/p/global/backendServices/cxhook\n",
		"security-policy.yaml":     "name: cxhook\nrules:\n- priority: 2147483647\n  action: allow\n  match:\n    versionedExpr: SRC_IPS_V1\n    config:\n      srcIpRanges: ['*']\n",
		"webhook.json":             `{"displayName": "cxhook", "timeout": "5s", "genericWebService": {"uri": "https://webhook.example.com/shirts", "serviceAgentAuth": "ID_TOKEN"}}`,
	}
}

func TestCheck(t *testing.T) {
	files := samples()
	for name, doc := range files {
		m, err := Check(name, []byte(doc), now)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		t.Logf("%-26s %s", name, m.ProtoReflect().Descriptor().FullName())
	}
	anchor := func(doc string) string { // the last line of a list
		lines := strings.SplitAfter(doc, "\n")
		return lines[2]
	}
	trust := files["trust-config.yaml"]
	for _, tt := range []struct{ file, name, old, new, want string }{
		{"backend-service.yaml", "a field", "customRequestHeaders", "customRequestHeader", "backend-service.yaml:6: customRequestHeader: no such field of google.cloud.compute.v1.BackendService"},
		{"backend-service.yaml", "a scheme that does not exist", "EXTERNAL_MANAGED", "EXTERNAL_MANGED", `"EXTERNAL_MANGED" is not a value of google.cloud.compute.v1.BackendService.LoadBalancingScheme`},
		{"backend-service.yaml", "the classic balancer", "EXTERNAL_MANAGED", "EXTERNAL", `loadBalancingScheme is "EXTERNAL"; want EXTERNAL_MANAGED`},
		{"backend-service.yaml", "a cache", "protocol: HTTPS", "protocol: HTTPS\nenableCDN: true", "enableCDN: answers to one caller are not for another"},
		{"backend-service.yaml", "a missing header", "- X-Client-Cert-Leaf:{client_cert_leaf}\n", "", "header X-Client-Cert-Leaf is not set: the client's own would pass through"},
		{"backend-service.yaml", "another name", "X-Client-Cert-Leaf:", "X-Client-Cert-Leafs:", "header x-client-cert-leafs is set, and the function does not read it"},
		{"backend-service.yaml", "another variable", "{client_cert_leaf}", "{client_cert_chain}", "header X-Client-Cert-Leaf is set to {client_cert_chain}; the function reads {client_cert_leaf} there"},
		{"backend-service.yaml", "a repeated header", "- X-Cxhook-Edge:secret\n", "- X-Cxhook-Edge:secret\n- x-cxhook-edge:other\n", `header "x-cxhook-edge:other": want NAME:VALUE, each name once`},
		{"backend-service.yaml", "no edge secret", "- X-Cxhook-Edge:secret\n", "", "header X-Cxhook-Edge is not set: the function refuses every call"},
		{"backend-service.yaml", "an empty edge secret", "X-Cxhook-Edge:secret", "'X-Cxhook-Edge:'", "header X-Cxhook-Edge is not set"},
		{"backend-service.yaml", "too many headers", "- X-Cxhook-Edge:secret\n", "- X-Cxhook-Edge:secret\n- A:1\n- B:2\n", "17 headers of "},
		{"backend-service.yaml", "too long", "X-Cxhook-Edge:secret", "X-Cxhook-Edge:" + strings.Repeat("x", 8<<10), "the balancer takes 16 of 8192"},
		{"backend-service.yaml", "not filled in", "projects/p/", "projects/${PROJECT}/", "${PROJECT} is not filled in"},

		{"trust-config.yaml", "a field", "trustAnchors", "trustAnchor", "trustStores[0].trustAnchor: no such field of google.cloud.certificatemanager.v1.TrustConfig.TrustStore"},
		{"trust-config.yaml", "a missing root", anchor(trust), "", "is missing: the function trusts it"},
		{"trust-config.yaml", "a broken certificate", "-----BEGIN CERTIFICATE-----\\nMII", "-----BEGIN CERTIFICATE-----\\nMI", "trustAnchors[0]: want one PEM certificate and nothing else"},
		{"trust-config.yaml", "text behind a certificate", "-----END CERTIFICATE-----\\n", "-----END CERTIFICATE-----\\nx", "trustAnchors[0]: want one PEM certificate and nothing else"},
		{"trust-config.yaml", "a root as an intermediate", "  intermediateCas:\n", "  intermediateCas:\n" + anchor(trust), "intermediate CN=SSL.com Root Certification Authority RSA,O=SSL Corporation,L=Houston,ST=Texas,C=US: the function does not trust it"},
		{"trust-config-custom.yaml", "no root", trustAnchorsOf(files["trust-config-custom.yaml"]), "  intermediateCas: []\n", "no trust anchor"},

		{"server-tls-policy.yaml", "a field", "mtlsPolicy", "mTLSPolicy", "mTLSPolicy: no such field of google.cloud.networksecurity.v1.ServerTlsPolicy; have mtlsPolicy"},
		{"server-tls-policy.yaml", "a mode that does not exist", "REJECT_INVALID", "REJECT", `server-tls-policy.yaml:3: invalid value for enum field clientValidationMode: "REJECT"`},
		{"server-tls-policy.yaml", "no mode", "  clientValidationMode: REJECT_INVALID\n", "", "mtlsPolicy.clientValidationMode is not set"},
		{"server-tls-policy.yaml", "a regional trust config", "locations/global", "locations/europe-west1", `mtlsPolicy.clientValidationTrustConfig is "projects/p/locations/europe-west1/trustConfigs/cxhook"; want`},

		{"target-https-proxy.yaml", "a field", "serverTlsPolicy", "serverTLSPolicy", "serverTLSPolicy: no such field of google.cloud.compute.v1.TargetHttpsProxy; have serverTlsPolicy"},
		{"target-https-proxy.yaml", "a policy without its API", "//networksecurity.googleapis.com/", "", `serverTlsPolicy is "projects/p/locations/global/serverTlsPolicies/cxhook-1"; want`},
		{"forwarding-rule.yaml", "a field", "IPAddress", "ipAddress", "ipAddress: no such field of google.cloud.compute.v1.ForwardingRule; have IPAddress"},
		{"forwarding-rule.yaml", "port 80", "'443'", "80-443", `portRange is "80-443"; want 443(-443)?`},
		{"url-map.yaml", "a field", "defaultService", "defaultservice", "defaultservice: no such field of google.cloud.compute.v1.UrlMap; have defaultService"},
		{"security-policy.yaml", "a field", "srcIpRanges", "sourceRanges", "rules[0].match.config.sourceRanges: no such field of google.cloud.compute.v1.SecurityPolicyRuleMatcherConfig"},
		{"security-policy.yaml", "no default", "2147483647", "1000", "no rule of priority 2147483647"},
		{"webhook.json", "a field", "serviceAgentAuth", "serviceAgent", "genericWebService.serviceAgent: no such field of google.cloud.dialogflow.cx.v3.Webhook.GenericWebService"},
		{"webhook.json", "an access token", "ID_TOKEN", "ACCESS_TOKEN", "genericWebService.serviceAgentAuth is ACCESS_TOKEN; want ID_TOKEN"},
		{"webhook.json", "plain http", "https:", "http:", `genericWebService.uri is "http://webhook.example.com/shirts"; want`},
		{"webhook.json", "a long timeout", `"5s"`, `"31s"`, "timeout is 31s; want one up to 30 s"},
	} {
		t.Run(tt.file+"/"+tt.name, func(t *testing.T) {
			changed := strings.Replace(files[tt.file], tt.old, tt.new, 1)
			if changed == files[tt.file] {
				t.Fatalf("%q is not in %s any more", tt.old, tt.file)
			}
			_, err := Check(tt.file, []byte(changed), now)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	if _, err := Check("trust-config.yaml", []byte(trust), now.AddDate(30, 0, 0)); err == nil || !strings.Contains(err.Error(), "is valid from") {
		t.Errorf("in thirty years: %v", err)
	}
	if _, err := Check("something.yaml", nil, now); err == nil || err.Error() != "something.yaml: of no kind that is known here" {
		t.Errorf("an unknown kind: %v", err)
	}
}

func trustAnchorsOf(doc string) string {
	_, after, _ := strings.Cut(doc, "trustStores:\n- ")
	return after
}
