package verify

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// tokenAttack is one row: what it does to a good token, and what comes of it.
type tokenAttack struct {
	id     string
	attack func(*forgery)
	want   Code // "" is accepted
	// twin is the smallest change back that is accepted; nil is the good token.
	twin func(*forgery)
	// hint must be part of the refusal's hint.
	hint string
	// fetches of the key set that the attack may cause, on a cold start.
	fetches int64
}

// TestAttackToken runs every row against a cold start of its own, at a standing
// clock, so that bounds are exact; and holds that every code of the token is
// reached by one.
func TestAttackToken(t *testing.T) {
	numbers, reached := map[string]bool{}, map[Code]bool{}
	begin := func(id string, want Code) {
		number, _, _ := strings.Cut(id, "-")
		if numbers[number] {
			t.Errorf("%s: a number is used twice", id)
		}
		numbers[number], reached[want] = true, true
	}
	for _, row := range slices.Concat(bearerAttacks(), joseHeaderAttacks(), algorithmAttacks(), payloadAttacks(), claimAttacks(), timeAttacks()) {
		begin(row.id, row.want)
		t.Run(row.id, func(t *testing.T) { synctest.Test(t, row.run) })
	}
	for _, row := range keyServerAttacks() {
		begin(row.id, row.want)
		t.Run(row.id, func(t *testing.T) { row.run(t, row.want) })
	}
	if len(numbers) < 60 {
		t.Errorf("%d rows, want 60 at least", len(numbers))
	}
	for _, code := range declaredCodes(t, "Token", "Keys") {
		if !reached[code] {
			t.Errorf("no row reaches %s", code)
		}
	}
}

func (row *tokenAttack) run(t *testing.T) {
	rig := newTokenRig(t)
	f := newForgery()
	row.attack(f)
	token, header := f.request()
	rep, err := rig.request(context.Background(), header)
	if row.want == "" {
		if err != nil {
			t.Fatalf("refused: %v\n%s", err, lastCheck(rep))
		}
	} else {
		wantTokenError(t, rep, err, row.want)
		if last := rep.Checks[len(rep.Checks)-1]; !last.Unverified || !strings.Contains(last.Hint, row.hint) {
			t.Errorf("unverified = %v, hint = %q; want true and %q", last.Unverified, last.Hint, row.hint)
		}
		for _, check := range rep.Checks {
			if check.Presented != "" && !check.Unverified {
				t.Errorf("shown as verified: %+v", check)
			}
		}
		rig.wantFetches(t, row.fetches)
		if rig.verified.Len() != 0 {
			t.Error("a refused token is remembered")
		}
		// It stays refused, and costs nobody anything.
		again, err := rig.request(context.Background(), header)
		wantTokenError(t, again, err, row.want)
		rig.wantFetches(t, row.fetches)
	}
	leaksNothing(t, rep, err, token)

	twin := newForgery()
	if row.twin != nil {
		row.twin(twin)
	}
	token, header = twin.request()
	rep, err = rig.request(context.Background(), header)
	if err != nil {
		t.Fatalf("the twin is refused: %v\n%s", err, lastCheck(rep))
	}
	if rep.Caller != dialogflowAgent(tokenProject) && rep.Caller != dialogflowAgent("42") {
		t.Errorf("caller = %q", rep.Caller)
	}
	for _, check := range rep.Checks {
		if check.Unverified || check.Outcome != Pass {
			t.Errorf("not a verified pass: %+v", check)
		}
	}
	rig.wantFetches(t, 1)
	leaksNothing(t, rep, err, token)
}

// leaksNothing looks for pieces of the token in all that goes to a log.
func leaksNothing(t *testing.T, rep *Report, err error, token string) {
	t.Helper()
	all := fmt.Sprintf("%+v %v %+v", rep, err, err)
	for segment := range strings.SplitSeq(token, ".") {
		if len(segment) >= 16 && segment != signatureRemoved && strings.Contains(all, segment[:16]) {
			t.Errorf("a piece of the token is in the report: %s", all)
		}
	}
	for _, check := range rep.Checks {
		if len(check.Presented) > 2*maxShown || strings.ContainsFunc(check.Presented, func(c rune) bool { return c < ' ' || c > '~' && c != '…' }) {
			t.Errorf("not fit for a log: %q", check.Presented)
		}
	}
}

// authorization gives the change to other values of the Authorization header, in
// which TOKEN stands for the token.
func authorization(values ...string) func(*forgery) {
	return func(f *forgery) {
		f.http = func(token string) http.Header {
			h := http.Header{}
			for _, v := range values {
				h.Add("Authorization", strings.ReplaceAll(v, "TOKEN", token))
			}
			return h
		}
	}
}

func setHeader(name, value string) func(*forgery) {
	return func(f *forgery) { f.header.set(name, value) }
}
func setClaim(name, value string) func(*forgery) {
	return func(f *forgery) { f.claims.set(name, value) }
}
func addClaim(name, value string) func(*forgery) {
	return func(f *forgery) { f.claims.add(name, value) }
}
func dropHeader(name string) func(*forgery) { return func(f *forgery) { f.header.drop(name) } }
func dropClaim(name string) func(*forgery)  { return func(f *forgery) { f.claims.drop(name) } }

func editToken(edit func(token string) string) func(*forgery) {
	return func(f *forgery) { f.edit = edit }
}

// editSegment changes one of the three segments.
func editSegment(n int, edit func(string) string) func(*forgery) {
	return editToken(func(token string) string {
		segment := strings.Split(token, ".")
		segment[n] = edit(segment[n])
		return strings.Join(segment, ".")
	})
}

func headerText(json string) func(*forgery)  { return func(f *forgery) { f.headerJSON = json } }
func payloadText(json string) func(*forgery) { return func(f *forgery) { f.payloadJSON = json } }

// editPayload changes the good payload as text.
func editPayload(edit func(string) string) func(*forgery) {
	return func(f *forgery) { f.payloadJSON = edit(f.claims.String()) }
}

// padded gives the change to a token of n bytes, by members that nobody reads.
// Base64 has no length that is 1 modulo 4, so that both segments must have one.
func padded(n int) func(*forgery) {
	return func(f *forgery) {
		length := base64.RawURLEncoding.EncodedLen
		for i := range 3 {
			f.header.set("pad", jsonText(strings.Repeat("x", i)))
			for size := n * 3 / 4; size > 0; size-- {
				f.claims.set("pad", jsonText(strings.Repeat("x", size)))
				if header, payload := f.segments(); length(len(header))+1+length(len(payload))+1+length(256) == n { // 2048 bits of signature
					return
				}
			}
		}
		panic("no token is as long as that")
	}
}
