package verify

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestAgentIsNamed: a refusal says which agent came, for whom, and which may.
func TestAgentIsNamed(t *testing.T) {
	for _, tt := range []struct {
		allowed             AllowedAgent
		caller              string
		presented, expected string
	}{
		{AllowedAgent{ProjectNumber: tokenProject, Agent: "projects/p/locations/l/agents/a", Environments: []string{"prod", DraftEnvironment}}, dialogflowAgent("42"),
			"projects/shirts/locations/global/agents/a1, environment draft, for " + dialogflowAgent("42"), "projects/p/locations/l/agents/a/environments/prod|draft of project number " + tokenProject},
		{AllowedAgent{Agent: "projects/p/locations/l/agents/a"}, "", "projects/shirts/locations/global/agents/a1, environment draft", "projects/p/locations/l/agents/a"},
	} {
		set := proofSet{}
		if tt.caller != "" {
			set = proofSet{proofIDToken}
		}
		g, err := newAgentGuard([]AllowedAgent{tt.allowed}, TokenConfig{ProjectNumbers: []string{tokenProject}}, set)
		if err != nil {
			t.Fatal(err)
		}
		rep := &Report{Caller: tt.caller}
		if refusal(t, rep, g.judge(testSession, rep)) != AgentNotAllowed {
			t.Fatal("let in")
		}
		if c := rep.Checks[0]; c.Presented != tt.presented || c.Expected != tt.expected {
			t.Errorf("presented %s, want %s\nexpected %s, want %s", c.Presented, tt.presented, c.Expected, tt.expected)
		}
	}
	if g, err := newAgentGuard(nil, TokenConfig{}, nil); g != nil || err != nil {
		t.Errorf("an empty list is a guard: %v, %v", g, err)
	}
	for name, want := range map[string]string{"": "no session", "x": "x"} {
		if got := malformedSession(Session{Name: name}, StationAgent).Presented; got != want {
			t.Errorf("%q: presented %q, want %q", name, got, want)
		}
	}
}

// TestHolderIsNamed: a leaf is named by its subject and all its names, and its URIs
// are those that stand in it, between names of other kinds.
func TestHolderIsNamed(t *testing.T) {
	uri := mustMake(url.Parse("spiffe://x.example/a%2Fb"))
	both := world().r2.issueClient(dn(common("a")), dnsNames("a.example", "b.example"), func(c *x509.Certificate) {
		c.URIs, c.EmailAddresses = []*url.URL{uri}, []string{"a@a.example"}
	}).Certificate
	for want, leaf := range map[string]*x509.Certificate{
		"CN=a, DNS SANs a.example b.example, URI SAN spiffe://x.example/a%2Fb": both,
		"CN=b":                                 world().r2.issueClient(dn(common("b"))).Certificate,
		"an empty subject, DNS SANs a.example": world().r2.issueClient(dn(), dnsNames("a.example")).Certificate,
	} {
		if got := holderOf(leaf); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := uriSANs(both); !slices.Equal(got, []string{"spiffe://x.example/a%2Fb"}) {
		t.Errorf("URIs %q", got)
	}
}

// TestIdentityIsNamed: a refusal says which names would have been let in.
func TestIdentityIsNamed(t *testing.T) {
	call := goodCall()
	presents(mallory, r2)(call)
	call.certificate.Identities = append(call.certificate.Identities, Identity{Name: "custom", Roots: []*x509.Certificate{world().stranger.Certificate},
		CommonName: "shirts", Organization: "Shirts Ltd", DNSName: "shirts.example", URIName: "spiffe://shirts.example/agent"})
	v := call.judge(t)
	const want = "google (CN=Google LLC, O=Google LLC where there is one) or google-legacy (DNS SAN *.dialogflow.com)" +
		" or custom (CN=shirts, O=Shirts Ltd where there is one, DNS SAN shirts.example, URI SAN spiffe://shirts.example/agent)"
	if v.err == nil || v.err.Code != CertIdentityUnknown || v.err.Presented != "CN=Mallory Ltd,O=Mallory Ltd,C=US" || v.err.Expected != want {
		t.Errorf("got %+v, want it to expect %s", v.err, want)
	}
}

// TestPinIsNamed: who changes a pin needs what came and what was pinned. Of several
// identities the first whose name it is speaks.
func TestPinIsNamed(t *testing.T) {
	w := world()
	const other = "0000000000000000000000000000000000000000000000000000000000000000"
	bare := func(call *certCall) { call.client(w.r2.issueClient(dn(common("Google LLC"))), w.r2) }
	for _, tt := range []struct {
		name                string
		do                  func(*certCall)
		pin                 func(*Identity)
		presented, expected string
	}{
		{"country", func(*certCall) {}, func(id *Identity) { id.Country = "DE" }, "US", "DE"},
		{"country", bare, func(id *Identity) { id.Country = "US" }, "none", "US"},
		{"organization identifier", bare, func(id *Identity) { id.OrganizationIdentifier = "x" }, "none", "x"},
		{"intermediate key", func(*certCall) {}, func(id *Identity) { id.IntermediateSPKI = []string{other} }, spkiOf(w.r2.Certificate) + " of " + w.r2.Subject.String(), other},
		{"leaf key", func(*certCall) {}, func(id *Identity) { id.LeafSPKI = []string{other, other} }, spkiOf(w.google.Certificate), other + " or " + other},
	} {
		call := goodCall()
		tt.do(call)
		second := call.certificate.Identities[0]
		second.Name, second.LeafSPKI = "second", []string{other}
		tt.pin(&call.certificate.Identities[0])
		call.certificate.Identities = append(call.certificate.Identities, second)
		v := call.judge(t)
		if v.err == nil || v.err.Code != CertPinMismatch || v.err.Name != tt.name || v.err.Presented != shown(tt.presented) || v.err.Expected != tt.expected ||
			!strings.HasPrefix(v.err.Hint, "the name is google's, but not what is pinned") {
			t.Errorf("%s: got %+v, want presented %s, expected %s", tt.name, v.err, tt.presented, tt.expected)
		}
	}
}

// TestClaimIsNamed: of a leaf that was not forwarded, all names that the front
// says, and no others, are reported.
func TestClaimIsNamed(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	for _, tt := range []struct{ dns, uris, spiffe, want string }{
		{"", "", "", "CN Mallory Ltd; DNS SANs ; URI SANs "},
		{"a.example,b.example", "https://x.example/", "spiffe://x.example/y", "CN Mallory Ltd; DNS SANs a.example b.example; URI SANs https://x.example/ spiffe://x.example/y"},
		{"", "https://x.example/", "", "CN Mallory Ltd; DNS SANs ; URI SANs https://x.example/"},
		{"", "", "spiffe://x.example/y", "CN Mallory Ltd; DNS SANs ; URI SANs spiffe://x.example/y"},
	} {
		call := goodCall()
		call.certificate.DangerTrustFrontWithoutLeaf = true
		presents(mallory, r2)(call)
		omits("X-Client-Cert-Leaf")(call)
		sends("X-Client-Cert-Dnsname-Sans", encode([]byte(tt.dns)))(call)
		sends("X-Client-Cert-Uri-Sans", encode([]byte(tt.uris)))(call)
		sends("X-Client-Cert-Spiffe", tt.spiffe)(call)
		if v := call.judge(t); v.err == nil || v.err.Code != CertIdentityUnknown || v.err.Presented != tt.want {
			t.Errorf("got %+v, want presented %q", v.err, tt.want)
		}
	}
}

// TestMalformedIsExplained: which rule a leaf or chain breaks, and which certificate
// of the chain, is in the report.
func TestMalformedIsExplained(t *testing.T) {
	w := world()
	const sequence, certificate = "RFC 9440 section 2", "RFC 5280 section 4"
	item := ":" + base64.StdEncoding.EncodeToString(w.r2.Raw) + ":, "
	for _, tt := range []struct{ name, header, value, rule, cause string }{
		{"leaf", "X-Client-Cert-Leaf", `"x"`, sequence, "not a byte sequence in canonical base64"},
		{"leaf", "X-Client-Cert-Leaf", ":AAAA:", certificate, "x509: "},
		{"chain", "X-Client-Cert-Chain", item + `"x"`, sequence, "certificate 2: not a byte sequence in canonical base64"},
		{"chain", "X-Client-Cert-Chain", item + ":AAAA:", certificate, "certificate 2: x509: "},
	} {
		call := goodCall()
		sends(tt.header, tt.value)(call)
		if v := call.judge(t); v.err == nil || v.err.Code != CertLeafMalformed || v.err.Name != tt.name || v.err.Rule != tt.rule || !strings.HasPrefix(v.err.Cause.Error(), tt.cause) {
			t.Errorf("%s: got %+v, want %s broken, and the cause %q", tt.value, v.err, tt.rule, tt.cause)
		}
	}
}
