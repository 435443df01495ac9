package verify

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The report is not counted: Verifier.Verify makes one for all proofs.
func benchmarkToken(b *testing.B, next func() string) {
	rig := newTokenRig(b)
	rig.accepts(b, goodToken())
	r := &http.Request{Header: http.Header{"Authorization": {""}}}
	ctx := context.Background()
	rep := &Report{Checks: make([]Check, 0, 24)}
	b.ReportAllocs()
	for b.Loop() {
		r.Header["Authorization"][0] = next()
		*rep = Report{Checks: rep.Checks[:0]}
		if err := rig.verify(ctx, r, rep, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenRemembered(b *testing.B) {
	value := "Bearer " + goodToken()
	benchmarkToken(b, func() string { return value })
}

// Each token is one that is not remembered any more.
func BenchmarkTokenNew(b *testing.B) {
	tokens, i := manyTokens(), 0
	for j := range tokens {
		tokens[j] = "Bearer " + tokens[j]
	}
	benchmarkToken(b, func() string { i++; return tokens[i%len(tokens)] })
}

// manyTokens are good ones, more than are remembered, all of Google's size.
func manyTokens() []string {
	tokens := make([]string, tokenCacheSize+1)
	for i := range tokens {
		tokens[i] = goodToken(setClaim("sub", jsonText(fmt.Sprintf("%021d", i))))
	}
	return tokens
}

// The library's part of BenchmarkTokenNew, RSA included.
func BenchmarkTokenIdtokenAlone(b *testing.B) {
	k := mustMake(parseKeys([]byte(googleJWKS()))).byID["key-1"]
	tokens, i := manyTokens(), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		token := tokens[i%len(tokens)]
		if _, err := k.validator.Validate(context.Background(), token, tokenAudience); err != nil {
			b.Fatal(err)
		}
	}
}

// The RSA part of BenchmarkTokenIdtokenAlone.
func BenchmarkTokenRSAAlone(b *testing.B) {
	token := goodToken()
	i := strings.LastIndex(token, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(token[i+1:])
	for b.Loop() {
		sum := sha256.Sum256([]byte(token[:i]))
		if err := rsa.VerifyPKCS1v15(&googleKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}

// A forged token costs us this much.
func BenchmarkTokenRefused(b *testing.B) {
	rig := newTokenRig(b)
	h := http.Header{"Authorization": {"Bearer " + goodToken(setClaim("aud", `"https://mallory.example"`))}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rig.request(context.Background(), h); err == nil {
			b.Fatal("accepted")
		}
	}
}
