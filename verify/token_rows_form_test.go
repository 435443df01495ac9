package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
)

// What comes in the Authorization header.
func bearerAttacks() []tokenAttack {
	serverless := func(authorization string) func(*forgery) {
		return func(f *forgery) {
			f.http = func(token string) http.Header {
				h := http.Header{"X-Serverless-Authorization": {"Bearer " + token}}
				if authorization != "" {
					h.Set("Authorization", strings.ReplaceAll(authorization, "TOKEN", token))
				}
				return h
			}
		}
	}
	return []tokenAttack{
		{id: "T01-none", attack: authorization(), want: TokenMissing},
		{id: "T02-empty", attack: authorization(""), want: TokenMissing},
		{id: "T03-bearer-of-nothing", attack: authorization("Bearer "), want: TokenMissing},
		{id: "T04-two-headers", attack: authorization("Bearer TOKEN", "Bearer TOKEN"), want: TokenDuplicate},
		{id: "T05-bad-header-first", attack: authorization("Basic Zm9vOmJhcg==", "Bearer TOKEN"), want: TokenDuplicate},
		{id: "T06-joined-by-a-hop", attack: authorization("Bearer TOKEN, Bearer TOKEN"), want: TokenDuplicate},
		{id: "T07-basic", attack: authorization("Basic Zm9vOmJhcg=="), want: TokenNotBearer, hint: "user name and password"},
		{id: "T08-no-scheme", attack: authorization("TOKEN"), want: TokenNotBearer},
		{id: "T09-scheme-that-begins-alike", attack: authorization("Bearers TOKEN"), want: TokenNotBearer, twin: authorization("bearer TOKEN")},
		{id: "T10-bearer-upper-case", attack: authorization("BEARER TOKEN"), twin: authorization("bEaReR TOKEN")},
		{id: "T11-tab-for-space", attack: authorization("Bearer\tTOKEN"), want: TokenNotBearer, twin: authorization("Bearer  TOKEN")},
		{id: "T12-leading-space", attack: authorization(" Bearer TOKEN"), want: TokenNotBearer},
		{id: "T13-trailing-space", attack: authorization("Bearer TOKEN "), want: TokenMalformed},
		{id: "T14-token-and-parameter", attack: authorization("Bearer TOKEN;p=1"), want: TokenMalformed},
		{id: "T15-token-and-another", attack: authorization("Bearer TOKEN TOKEN"), want: TokenOpaque},
		{id: "T16-serverless-header-alone", attack: serverless(""), want: TokenMissing},
		{id: "T17-serverless-header-besides", attack: serverless("Basic Zm9vOmJhcg=="), want: TokenNotBearer, twin: func(f *forgery) {
			f.http = func(token string) http.Header {
				return http.Header{"X-Serverless-Authorization": {"Bearer x"}, "Authorization": {"Bearer " + token}}
			}
		}},
		{id: "T18-huge", attack: padded(MaxTokenBytes + 1), want: TokenTooLarge, twin: padded(MaxTokenBytes)},
		{id: "T19-megabyte", attack: authorization("Bearer " + strings.Repeat("a.", 1<<19)), want: TokenTooLarge},
		{id: "T20-access-token", attack: authorization("Bearer ya29.c0ASRK0Gb"), want: TokenOpaque, hint: "choose the ID token"},
		{id: "T21-access-token-with-dots", attack: authorization("Bearer ya29.c.b0Aaek"), want: TokenOpaque, hint: "choose the ID token"},
		{id: "T22-two-segments", attack: editToken(func(s string) string { return s[:strings.LastIndex(s, ".")] }), want: TokenOpaque},
		{id: "T23-five-segments", attack: editToken(func(s string) string { return s + ".AAAA.AAAA" }), want: TokenOpaque},
		{id: "T24-signature-removed", attack: editSegment(2, func(string) string { return signatureRemoved }), want: TokenSignatureRemoved, hint: "--no-invoker-iam-check"},
		{id: "T25-padding", attack: editSegment(2, func(s string) string { return s + "==" }), want: TokenMalformed},
		{id: "T26-standard-alphabet", attack: editSegment(2, func(s string) string { return "+/" + s[2:] }), want: TokenMalformed},
		{id: "T27-loose-bits-in-signature", attack: editSegment(2, loosenBits), want: TokenMalformed},
		{id: "T28-loose-bits-in-header", attack: func(f *forgery) {
			f.header.set("x", `"1"`) // 54 bytes: two bits to spare
			f.edit = func(token string) string {
				header, rest, _ := strings.Cut(token, ".")
				return loosenBits(header) + "." + rest
			}
		}, want: TokenMalformed, twin: setHeader("x", `"1"`)},
		{id: "T29-line-end-in-signature", attack: editSegment(2, func(s string) string { return s[:8] + "\n" + s[8:] }), want: TokenMalformed},
		{id: "T30-line-end-in-payload", attack: editSegment(1, func(s string) string { return s[:8] + "\r\n" + s[8:] }), want: TokenMalformed},
		{id: "T31-line-end-in-header", attack: editSegment(0, func(s string) string { return s + "\n" }), want: TokenMalformed},
		{id: "T32-no-header", attack: editSegment(0, func(string) string { return "" }), want: TokenMalformed},
		{id: "T33-no-payload", attack: editSegment(1, func(string) string { return "" }), want: TokenMalformed},
	}
}

// loosenBits sets a bit of the last character that stands for no byte.
func loosenBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(s)%4 == 0 {
		panic("no bits to spare")
	}
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}

// What the JOSE header says besides the algorithm.
func joseHeaderAttacks() []tokenAttack {
	key := jsonText(jwk("key-1", &malloryKey().PublicKey))
	byMallory := func(name, value string) func(*forgery) {
		return func(f *forgery) {
			f.header.set(name, value)
			f.sign = signedBy(malloryKey())
		}
	}
	return []tokenAttack{
		{id: "T40-header-null", attack: headerText("null"), want: TokenMalformed},
		{id: "T41-header-array", attack: headerText(`[{"alg":"RS256","kid":"key-1"}]`), want: TokenMalformed},
		{id: "T42-header-string", attack: headerText(`"alg"`), want: TokenMalformed},
		{id: "T43-header-empty", attack: headerText(`{}`), want: TokenWrongAlgorithm},
		{id: "T44-header-and-more", attack: headerText(`{"alg":"RS256","kid":"key-1"}{}`), want: TokenMalformed, twin: headerText(`{"alg":"RS256","kid":"key-1"}` + "\n")},
		{id: "T45-header-cut", attack: headerText(`{"alg":"RS256","kid":"key-1"`), want: TokenMalformed},
		{id: "T46-byte-order-mark", attack: headerText("\ufeff" + `{"alg":"RS256","kid":"key-1"}`), want: TokenMalformed},
		{id: "T47-alg-twice", attack: headerText(`{"alg":"none","kid":"key-1","alg":"RS256"}`), want: TokenMalformed},
		{id: "T48-alg-twice-escaped", attack: headerText(`{"alg":"RS256","kid":"key-1","\u0061lg":"none"}`), want: TokenMalformed, twin: headerText(`{"\u0061lg":"RS256","kid":"key-1"}`)},
		{id: "T49-alg-in-two-cases", attack: headerText(`{"alg":"RS256","ALG":"none","kid":"key-1"}`), want: TokenMalformed},
		{id: "T50-kid-in-two-cases", attack: headerText(`{"alg":"RS256","kid":"key-1","Kid":"key-2"}`), want: TokenMalformed},
		{id: "T51-kid-by-kelvin", attack: headerText(`{"alg":"RS256","kid":"key-1","` + "\u212a" + `id":"key-2"}`), want: TokenMalformed},
		{id: "T52-not-utf8", attack: headerText("{\"alg\":\"RS256\",\"kid\":\"key-1\",\"x\":\"\xff\"}"), want: TokenMalformed},
		{id: "T53-crit", attack: setHeader("crit", `["exp"]`), want: TokenHeaderRefused, twin: setHeader("unknown", `["exp"]`)},
		{id: "T54-crit-in-another-case", attack: setHeader("Crit", `["exp"]`), want: TokenMalformed},
		{id: "T55-b64", attack: setHeader("b64", "false"), want: TokenHeaderRefused},
		{id: "T56-jku", attack: byMallory("jku", `"https://mallory.example/jwks"`), want: TokenHeaderRefused},
		{id: "T57-jwk", attack: byMallory("jwk", key), want: TokenHeaderRefused},
		{id: "T58-x5u", attack: byMallory("x5u", `"https://mallory.example/chain.pem"`), want: TokenHeaderRefused},
		{id: "T59-x5c", attack: byMallory("x5c", `["MIIB"]`), want: TokenHeaderRefused},
		{id: "T60-x5t", attack: byMallory("x5t", `"AAAA"`), want: TokenHeaderRefused},
		{id: "T61-nested", attack: setHeader("cty", `"JWT"`), want: TokenHeaderRefused},
		{id: "T62-typ-of-another-token", attack: setHeader("typ", `"at+jwt"`), want: TokenHeaderRefused, twin: dropHeader("typ")},
		{id: "T63-typ-not-a-string", attack: setHeader("typ", `null`), want: TokenHeaderRefused},
		{id: "T64-no-kid", attack: dropHeader("kid"), want: TokenHeaderRefused},
		{id: "T65-empty-kid", attack: setHeader("kid", `""`), want: TokenHeaderRefused},
		{id: "T66-kid-not-a-string", attack: setHeader("kid", `1`), want: TokenHeaderRefused},
		{id: "T67-long-kid", attack: setHeader("kid", jsonText(strings.Repeat("k", maxKeyIDBytes+1))), want: TokenHeaderRefused},
		{id: "T68-longest-kid", attack: setHeader("kid", jsonText(strings.Repeat("k", maxKeyIDBytes))), want: TokenUnknownKey, fetches: 1},
		{id: "T69-kid-a-path", attack: setHeader("kid", `"../../../../dev/null"`), want: TokenUnknownKey, fetches: 1},
		{id: "T70-kid-a-url", attack: byMallory("kid", `"https://mallory.example/key-1"`), want: TokenUnknownKey, fetches: 1},
		{id: "T71-kid-a-query", attack: setHeader("kid", `"x' UNION SELECT 'key-1"`), want: TokenUnknownKey, fetches: 1},
		{id: "T72-kid-in-another-case", attack: setHeader("kid", `"KEY-1"`), want: TokenUnknownKey, fetches: 1},
		{id: "T73-kid-and-nul", attack: setHeader("kid", `"key-1\u0000"`), want: TokenUnknownKey, fetches: 1},
		{id: "T74-kid-of-another-key", attack: setHeader("kid", `"key-2"`), want: TokenBadSignature, fetches: 1, twin: func(f *forgery) {
			f.header.set("kid", `"key-2"`)
			f.sign = signedBy(otherGoogleKey())
		}},
		{id: "T75-deep-header", attack: setHeader("x", strings.Repeat("[", maxTokenDepth)+strings.Repeat("]", maxTokenDepth)), want: TokenMalformed,
			twin: setHeader("x", strings.Repeat("[", maxTokenDepth-1)+strings.Repeat("]", maxTokenDepth-1))},
	}
}

// What the token is signed with.
func algorithmAttacks() []tokenAttack {
	withAlg := func(alg string, sign func(signed string) []byte) func(*forgery) {
		return func(f *forgery) {
			f.header.set("alg", jsonText(alg))
			f.sign = sign
		}
	}
	public, err := x509.MarshalPKIXPublicKey(&googleKey().PublicKey)
	if err != nil {
		panic(err)
	}
	hmacWith := func(secret []byte) func(string) []byte {
		return func(signed string) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		}
	}
	nothing := func(string) []byte { return nil }
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return []tokenAttack{
		{id: "T80-alg-none", attack: withAlg("none", nothing), want: TokenUnsigned},
		{id: "T81-alg-None", attack: withAlg("None", nothing), want: TokenUnsigned},
		{id: "T82-alg-NONE-and-a-signature", attack: withAlg("NONE", nil), want: TokenUnsigned},
		{id: "T83-alg-nOnE-and-a-signature", attack: withAlg("nOnE", nil), want: TokenUnsigned},
		{id: "T84-alg-none-spaced", attack: withAlg(" none\t", nil), want: TokenUnsigned},
		{id: "T85-alg-none-escaped", attack: setHeader("alg", `"\u006eone"`), want: TokenUnsigned},
		{id: "T86-alg-none-and-a-signature", attack: withAlg("none", nil), want: TokenUnsigned},
		{id: "T87-no-signature", attack: withAlg("RS256", nothing), want: TokenUnsigned},
		{id: "T88-no-alg", attack: dropHeader("alg"), want: TokenWrongAlgorithm},
		{id: "T89-alg-null", attack: setHeader("alg", "null"), want: TokenWrongAlgorithm},
		{id: "T90-alg-array", attack: setHeader("alg", `["RS256"]`), want: TokenWrongAlgorithm},
		{id: "T91-alg-empty", attack: setHeader("alg", `""`), want: TokenWrongAlgorithm},
		{id: "T92-alg-lower-case", attack: setHeader("alg", `"rs256"`), want: TokenWrongAlgorithm},
		{id: "T93-HS256-with-the-public-key-pem", attack: withAlg("HS256", hmacWith(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))), want: TokenWrongAlgorithm},
		{id: "T94-HS256-with-the-public-key-der", attack: withAlg("HS256", hmacWith(public)), want: TokenWrongAlgorithm},
		{id: "T95-HS256-with-the-modulus", attack: withAlg("HS256", hmacWith(googleKey().N.Bytes())), want: TokenWrongAlgorithm},
		{id: "T96-ES256-short", attack: withAlg("ES256", func(string) []byte { return make([]byte, 16) }), want: TokenWrongAlgorithm},
		{id: "T97-ES256-long", attack: withAlg("ES256", func(string) []byte { return make([]byte, 512) }), want: TokenWrongAlgorithm},
		{id: "T98-ES256", attack: withAlg("ES256", func(signed string) []byte {
			sum := sha256.Sum256([]byte(signed))
			r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
			if err != nil {
				panic(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}), want: TokenWrongAlgorithm},
		{id: "T99-EdDSA", attack: withAlg("EdDSA", func(signed string) []byte { return ed25519.Sign(ed, []byte(signed)) }), want: TokenWrongAlgorithm},
		{id: "T100-PS256", attack: withAlg("PS256", func(signed string) []byte {
			sum := sha256.Sum256([]byte(signed))
			sig, err := rsa.SignPSS(rand.Reader, googleKey(), crypto.SHA256, sum[:], nil)
			if err != nil {
				panic(err)
			}
			return sig
		}), want: TokenWrongAlgorithm},
		{id: "T101-RS512", attack: withAlg("RS512", nil), want: TokenWrongAlgorithm},
		{id: "T102-another-key", attack: func(f *forgery) { f.sign = signedBy(malloryKey()) }, want: TokenBadSignature, fetches: 1},
		{id: "T103-signature-cut", attack: editSegment(2, func(s string) string { return s[:340] }), want: TokenBadSignature, fetches: 1},
		{id: "T104-signature-longer", attack: func(f *forgery) {
			f.sign = func(signed string) []byte { return append(signRS256(googleKey(), signed), 0) }
		}, want: TokenBadSignature, fetches: 1},
		{id: "T105-one-bit", attack: func(f *forgery) {
			f.sign = func(signed string) []byte {
				sig := signRS256(googleKey(), signed)
				sig[100] ^= 1
				return sig
			}
		}, want: TokenBadSignature, fetches: 1},
		{id: "T106-signature-of-another-token", attack: editSegment(2, func(string) string {
			other := goodToken(setClaim("sub", `"1072"`))
			return other[strings.LastIndex(other, ".")+1:]
		}), want: TokenBadSignature, fetches: 1},
		{id: "T107-payload-changed-after-signing", attack: editSegment(1, func(s string) string {
			payload, _ := base64.RawURLEncoding.DecodeString(s)
			return b64([]byte(strings.Replace(string(payload), `"1071"`, `"1072"`, 1)))
		}), want: TokenBadSignature, fetches: 1},
		{id: "T108-header-changed-after-signing", attack: editSegment(0, func(string) string { return b64([]byte(`{"alg":"RS256","kid":"key-1"}`)) }), want: TokenBadSignature, fetches: 1},
		{id: "T109-one-byte-signature", attack: withAlg("RS256", func(string) []byte { return []byte{0} }), want: TokenBadSignature, fetches: 1},
	}
}
