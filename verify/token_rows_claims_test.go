package verify

import (
	"fmt"
	"strings"
	"time"
)

// What the payload is made of.
func payloadAttacks() []tokenAttack {
	append1 := func(member string) func(*forgery) {
		return editPayload(func(s string) string { return strings.TrimSuffix(s, "}") + "," + member + "}" })
	}
	nested := func(n int) func(*forgery) {
		return addClaim("x", strings.Repeat(`{"x":`, n)+"1"+strings.Repeat("}", n))
	}
	return []tokenAttack{
		{id: "T120-payload-null", attack: payloadText("null"), want: TokenMalformed},
		{id: "T121-payload-array", attack: editPayload(func(s string) string { return "[" + s + "]" }), want: TokenMalformed},
		{id: "T122-payload-string", attack: editPayload(func(s string) string { return jsonText(s) }), want: TokenMalformed},
		{id: "T123-payload-and-more", attack: editPayload(func(s string) string { return s + s }), want: TokenMalformed, twin: editPayload(func(s string) string { return " " + s + "\n" })},
		{id: "T124-payload-cut", attack: editPayload(func(s string) string { return strings.TrimSuffix(s, "}") }), want: TokenMalformed},
		{id: "T125-aud-twice", attack: append1(`"aud":"https://mallory.example"`), want: TokenMalformed},
		{id: "T126-aud-twice-escaped", attack: append1(`"a\u0075d":"https://mallory.example"`), want: TokenMalformed},
		{id: "T127-aud-in-two-cases", attack: addClaim("AUD", `"https://mallory.example"`), want: TokenMalformed, hint: "Google does not make", twin: addClaim("AUDI", `"https://mallory.example"`)},
		{id: "T128-aud-in-two-cases-ours-last", attack: func(f *forgery) {
			f.claims.set("aud", `"https://mallory.example"`)
			f.claims.add("AUD", jsonText(tokenAudience))
		}, want: TokenMalformed},
		{id: "T129-Iss", attack: addClaim("Iss", `"https://accounts.google.com"`), want: TokenMalformed},
		{id: "T130-iss-by-long-s", attack: addClaim("i\u017fs", `"https://accounts.google.com"`), want: TokenMalformed},
		{id: "T131-EXP", attack: addClaim("EXP", `99999999999`), want: TokenMalformed},
		{id: "T132-Iat", attack: addClaim("Iat", `1`), want: TokenMalformed},
		{id: "T133-NBF", attack: addClaim("NBF", `1`), want: TokenMalformed},
		{id: "T134-Sub", attack: addClaim("Sub", `"1"`), want: TokenMalformed},
		{id: "T135-Email", attack: addClaim("Email", jsonText(dialogflowAgent("42"))), want: TokenMalformed},
		{id: "T136-Email_Verified", attack: func(f *forgery) {
			f.claims.set("email_verified", "false")
			f.claims.add("Email_Verified", "true")
		}, want: TokenMalformed},
		{id: "T137-twice-deep-inside", attack: addClaim("x", `{"y":[{"z":1,"z":2}]}`), want: TokenMalformed, twin: addClaim("x", `{"y":[{"z":1},{"z":2}]}`)},
		{id: "T138-not-utf8", attack: addClaim("x", "\"\xc0\xaf\""), want: TokenMalformed},
		{id: "T139-half-a-surrogate", attack: addClaim("x", `"\ud800"`), want: TokenMalformed, twin: addClaim("x", `"\ud83d\ude00"`)},
		{id: "T140-deep", attack: nested(maxTokenDepth), want: TokenMalformed, twin: nested(maxTokenDepth - 1)},
		{id: "T141-very-deep", attack: addClaim("x", strings.Repeat("[", 1200)+strings.Repeat("]", 1200)), want: TokenMalformed},
		{id: "T142-sub-a-number", attack: setClaim("sub", "1071"), want: TokenMalformed, twin: dropClaim("sub")},
		{id: "T143-number-that-no-float-holds", attack: addClaim("x", "1e999"), want: TokenMalformed, fetches: 1, twin: addClaim("x", "1e99")}, // idtoken's refusal
	}
}

// Whose token it is, and for whom.
func claimAttacks() []tokenAttack {
	aud := func(s string) func(*forgery) { return setClaim("aud", jsonText(s)) }
	email := func(s string) func(*forgery) { return setClaim("email", jsonText(s)) }
	const google = "gcp-sa-dialogflow.iam.gserviceaccount.com"
	return []tokenAttack{
		{id: "T150-iss-trailing-slash", attack: setClaim("iss", `"https://accounts.google.com/"`), want: TokenWrongIssuer, twin: setClaim("iss", `"accounts.google.com"`)},
		{id: "T151-iss-http", attack: setClaim("iss", `"http://accounts.google.com"`), want: TokenWrongIssuer},
		{id: "T152-iss-subdomain", attack: setClaim("iss", `"https://accounts.google.com.mallory.example"`), want: TokenWrongIssuer},
		{id: "T153-iss-upper-case", attack: setClaim("iss", `"https://Accounts.google.com"`), want: TokenWrongIssuer},
		{id: "T154-iss-homoglyph", attack: setClaim("iss", `"https://ac`+"\u0441"+`ounts.google.com"`), want: TokenWrongIssuer},
		{id: "T155-iss-array", attack: setClaim("iss", `["https://accounts.google.com"]`), want: TokenWrongIssuer},
		{id: "T156-no-iss", attack: dropClaim("iss"), want: TokenWrongIssuer},
		{id: "T157-iss-firebase", attack: setClaim("iss", `"https://securetoken.google.com/project"`), want: TokenWrongIssuer},

		{id: "T160-replay-to-another-audience", attack: aud("https://victim.example/"), want: TokenWrongAudience, twin: aud("https://other.example.com")},
		{id: "T161-aud-array", attack: setClaim("aud", "["+jsonText(tokenAudience)+"]"), want: TokenWrongAudience, hint: "want one string"},
		{id: "T162-aud-array-of-two", attack: setClaim("aud", "["+jsonText(tokenAudience)+`,"https://mallory.example"]`), want: TokenWrongAudience},
		{id: "T163-aud-empty", attack: aud(""), want: TokenWrongAudience},
		{id: "T164-no-aud", attack: dropClaim("aud"), want: TokenWrongAudience},
		{id: "T165-aud-null", attack: setClaim("aud", "null"), want: TokenWrongAudience},
		{id: "T166-aud-trailing-slash", attack: aud(tokenAudience + "/"), want: TokenWrongAudience, hint: "the trailing slash differs"},
		{id: "T167-aud-scheme", attack: aud(strings.Replace(tokenAudience, "https", "http", 1)), want: TokenWrongAudience, hint: "the scheme differs"},
		{id: "T168-aud-host", attack: aud("https://webhook2.example.com/cx"), want: TokenWrongAudience, hint: "the host differs"},
		{id: "T169-aud-query", attack: aud(tokenAudience + "?env=dev"), want: TokenWrongAudience, hint: "the query differs"},
		{id: "T170-aud-upper-case", attack: aud("https://Webhook.example.com/cx"), want: TokenWrongAudience, hint: "the host differs"},
		{id: "T171-aud-a-prefix", attack: aud(tokenAudience[:len(tokenAudience)-1]), want: TokenWrongAudience, hint: "another service"},
		{id: "T172-aud-longer", attack: aud(tokenAudience + "2"), want: TokenWrongAudience, hint: "another service"},
		{id: "T173-aud-spaced", attack: aud(tokenAudience + " "), want: TokenWrongAudience},
		{id: "T174-aud-two-joined", attack: aud(tokenAudience + ",https://mallory.example"), want: TokenWrongAudience},
		{id: "T175-aud-an-attackers-text", attack: aud("line\n\x1b[31mred\u202e" + strings.Repeat("x", 500)), want: TokenWrongAudience},
		{id: "T176-aud-scheme-and-host", attack: aud("http://webhook2.example.com/cx"), want: TokenWrongAudience, hint: "another service"}, // two differences are another URL
		{id: "T177-aud-fragment", attack: aud(tokenAudience + "#x"), want: TokenWrongAudience, hint: "another service"},                    // no part that is compared differs

		{id: "T180-another-projects-agent", attack: email(dialogflowAgent("210987654321")), want: TokenWrongEmail, hint: "another project", twin: email(dialogflowAgent("42"))},
		{id: "T181-a-human", attack: email("alice@example.com"), want: TokenWrongEmail, hint: "a person"},
		{id: "T182-a-service-account", attack: email("webhook@my-project.iam.gserviceaccount.com"), want: TokenWrongEmail, hint: "a service account calls"},
		{id: "T183-another-service-agent", attack: email("service-" + tokenProject + "@gcp-sa-pubsub.iam.gserviceaccount.com"), want: TokenWrongEmail, hint: "another of Google's services"},
		{id: "T184-no-email", attack: dropClaim("email"), want: TokenWrongEmail, hint: "no address"},
		{id: "T185-email-empty", attack: email(""), want: TokenWrongEmail},
		{id: "T186-email-array", attack: setClaim("email", "["+jsonText(dialogflowAgent(tokenProject))+"]"), want: TokenWrongEmail},
		{id: "T187-email-upper-case", attack: email("service-" + tokenProject + "@GCP-SA-dialogflow.iam.gserviceaccount.com"), want: TokenWrongEmail},
		{id: "T188-email-longer-domain", attack: email(dialogflowAgent(tokenProject) + ".mallory.example"), want: TokenWrongEmail},
		{id: "T189-email-longer-number", attack: email("service-" + tokenProject + "0@" + google), want: TokenWrongEmail},
		{id: "T190-email-two", attack: email("x@mallory.example," + dialogflowAgent(tokenProject)), want: TokenWrongEmail},
		{id: "T191-email-no-number", attack: email("service-@" + google), want: TokenWrongEmail},
		{id: "T192-email-unverified", attack: setClaim("email_verified", "false"), want: TokenEmailUnverified},
		{id: "T193-email-verified-missing", attack: dropClaim("email_verified"), want: TokenEmailUnverified},
		{id: "T194-email-verified-a-string", attack: setClaim("email_verified", `"true"`), want: TokenEmailUnverified},
		{id: "T195-email-verified-a-number", attack: setClaim("email_verified", "1"), want: TokenEmailUnverified},
		{id: "T196-email-verified-null", attack: setClaim("email_verified", "null"), want: TokenEmailUnverified},
	}
}

// When the token is good. The clock of a row stands still.
func timeAttacks() []tokenAttack {
	// at sets claims to seconds from now.
	at := func(claims map[string]int64) func(*forgery) {
		return func(f *forgery) {
			for name, offset := range claims {
				f.claims.set(name, fmt.Sprint(time.Now().Unix()+offset))
			}
		}
	}
	type d = map[string]int64
	const skew, day = int64(TokenSkew / time.Second), int64(MaxTokenLifetime / time.Second)
	return []tokenAttack{
		{id: "T200-expired", attack: at(d{"exp": 0, "iat": -3600}), want: TokenExpired, twin: at(d{"exp": 1, "iat": -3599})},
		{id: "T201-long-expired", attack: at(d{"exp": -86400, "iat": -90000}), want: TokenExpired},
		{id: "T202-exp-1970", attack: setClaim("exp", "0"), want: TokenExpired},
		{id: "T203-no-exp", attack: dropClaim("exp"), want: TokenMalformed},
		{id: "T204-exp-a-string", attack: func(f *forgery) { f.claims.set("exp", fmt.Sprintf(`"%d"`, time.Now().Unix()+3600)) }, want: TokenMalformed},
		{id: "T205-exp-a-fraction", attack: func(f *forgery) { f.claims.set("exp", fmt.Sprintf("%d.5", time.Now().Unix()+3600)) }, want: TokenMalformed},
		{id: "T206-exp-a-power", attack: setClaim("exp", "1e18"), want: TokenMalformed},
		{id: "T207-exp-negative", attack: setClaim("exp", "-1"), want: TokenMalformed},
		{id: "T208-exp-minus-zero", attack: setClaim("exp", "-0"), want: TokenMalformed},
		{id: "T209-exp-null", attack: setClaim("exp", "null"), want: TokenMalformed},
		{id: "T210-exp-over-64-bits", attack: setClaim("exp", "18446744073709551616"), want: TokenMalformed},
		{id: "T211-exp-the-largest", attack: setClaim("exp", "9223372036854775807"), want: TokenLifetime},
		{id: "T212-iat-ahead", attack: at(d{"iat": skew + 1, "exp": skew + 3601}), want: TokenNotYetValid, twin: at(d{"iat": skew, "exp": skew + 3600})},
		{id: "T213-no-iat", attack: dropClaim("iat"), want: TokenMalformed},
		{id: "T214-iat-a-string", attack: setClaim("iat", `"0"`), want: TokenMalformed},
		{id: "T215-nbf-ahead", attack: at(d{"nbf": skew + 1}), want: TokenNotYetValid, twin: at(d{"nbf": skew})},
		{id: "T216-nbf-a-string", attack: setClaim("nbf", `"0"`), want: TokenMalformed},
		{id: "T217-lifetime-over-a-day", attack: at(d{"exp": day + 1, "iat": 0}), want: TokenLifetime, twin: at(d{"exp": day, "iat": 0})},
		{id: "T218-lifetime-of-a-hundred-years", attack: at(d{"exp": 100 * 365 * 86400}), want: TokenLifetime},
		{id: "T219-iat-1970", attack: setClaim("iat", "0"), want: TokenLifetime},
		{id: "T220-expires-when-issued", attack: at(d{"exp": 10, "iat": 10}), want: TokenLifetime, twin: at(d{"exp": 11, "iat": 10})},
		{id: "T221-expires-before-issued", attack: at(d{"exp": 10, "iat": 20}), want: TokenLifetime},
	}
}
