package verify

import (
	"crypto/x509"
	"net/url"
	"slices"
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
