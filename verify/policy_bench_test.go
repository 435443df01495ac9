package verify

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// allProofs is a verifier of every proof that can stand together, and a call that
// has been verified once.
func allProofs(tb testing.TB) (v *Verifier, header http.Header, session string) {
	w, now := world(), time.Now()
	google := w.r2.issueClient(dn(country("US"), org("Google LLC"), common("Google LLC")), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
	})
	cfg := configFor("mtls+idtoken+header+session")
	cfg.Now, cfg.Certificate.Identities = time.Now, w.identities()
	cfg.Agents = []AllowedAgent{{tokenProject, testAgent, nil}}
	v = mustMake(New(cfg))
	v.keys[0].client.Transport = newKeyServer()
	header = balancer(google.Certificate, w.r2.Certificate)
	header.Set(DefaultEdgeHeader, testEdgeSecret)
	header.Set(testSecretHeader, testHeader)
	header.Set("Authorization", "Bearer "+goodToken())
	f := newSessionForgery()
	f.claims.set("nbf", fmt.Sprint(now.Unix()))
	f.claims.set("exp", fmt.Sprint(now.Unix()+3600))
	session = f.token()
	for range 2 {
		rep, err := v.Verify(&http.Request{Header: header})
		if err == nil {
			err = v.VerifySession(context.Background(), testSession, session, rep)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return v, header, session
}

// What a call costs once its certificate and tokens were seen: by the default
// policy, and by everything that can stand together, with static header, agent and
// session token.
func BenchmarkAllProofsRemembered(b *testing.B) {
	v, header, session := allProofs(b)
	b.Run("default", func(b *testing.B) { // edge secret, certificate, ID token
		v := &Verifier{proofs: v.proofs[:3], now: v.now}
		r := &http.Request{Header: header}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) { benchmarkAll(b, v, header, session) })
}

func benchmarkAll(b *testing.B, v *Verifier, header http.Header, session string) {
	r, ctx := &http.Request{Header: header}, context.Background()
	b.ReportAllocs()
	for b.Loop() {
		rep, err := v.Verify(r)
		if err == nil {
			err = v.VerifySession(ctx, testSession, session, rep)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// A session token that is not remembered, EdDSA.
func BenchmarkSessionNew(b *testing.B) {
	rig := newSessionRig(b, sessionConfig())
	token := newSessionForgery().token()
	b.ReportAllocs()
	for b.Loop() {
		rig.session.verified.Purge()
		if _, err := rig.call(token); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAllProofsAllocations(t *testing.T) {
	v, header, session := allProofs(t)
	r, ctx := &http.Request{Header: header}, context.Background()
	n := testing.AllocsPerRun(100, func() {
		rep, _ := v.Verify(r)
		_ = v.VerifySession(ctx, testSession, session, rep)
	})
	if n > 3 {
		t.Errorf("%v allocations a call, want 3 at most", n)
	}
}
