//go:build mutants

package verify

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tokenMutant takes a check out of the code: in file, old becomes new, and the row
// must notice: a test, or one of its subtests by the number of its id.
type tokenMutant struct{ file, old, new, row string }

// tokenMutants plant one mistake for each check of the ID token, the key set, the
// session token, the shared secrets, the policies and the agents.
var tokenMutants = []tokenMutant{
	// What came.
	{"token_parse.go", "case len(values) > 1:\n\t\treturn refuse(TokenDuplicate", "case false:\n\t\treturn refuse(TokenDuplicate", "TestAttackToken/T04"},
	{"token_parse.go", `if !strings.EqualFold(scheme, "Bearer") {`, `if false {`, "TestAttackToken/T07"},
	{"token_parse.go", `case len(token) > MaxTokenBytes:`, `case false:`, "TestAttackToken/T18"},
	{"token_parse.go", `case strings.Contains(token, ","):`, `case false:`, "TestAttackToken/T06"},
	{"token_parse.go", `if segment[2] == signatureRemoved {`, `if false {`, "TestAttackToken/T24"},
	// What it is.
	{"token_parse.go", `base64.RawURLEncoding.Strict().DecodeString(s)`, `base64.RawURLEncoding.DecodeString(s)`, "TestAttackToken/T27"},
	{"token_parse.go", `|| base64.RawURLEncoding.EncodedLen(len(b)) != len(s) {`, `{`, "TestAttackToken/T29"},
	{"token_parse.go", `strings.EqualFold(k, name)`, `k == name`, "TestAttackToken/T127"},
	{"token_parse.go", `case depth > maxTokenDepth:`, `case depth > 1000:`, "TestAttackToken/T140"},
	{"token_parse.go", "if _, err := dec.ReadToken(); err != io.EOF {", "if _, err := dec.ReadToken(); false && err != io.EOF {", "TestAttackToken/T44"},
	{"token_parse.go", `dec.Reset(bytes.NewBuffer(data))`, `dec.Reset(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))`, "TestAttackToken/T137"},
	{"token_parse.go", `dec.Reset(bytes.NewBuffer(data))`, `dec.Reset(bytes.NewBuffer(data), jsontext.AllowInvalidUTF8(true))`, "TestAttackToken/T138"},
	{"token_parse.go", `case alg.ok && strings.EqualFold(strings.TrimSpace(alg.text), "none"), signature == "":`, `case signature == "":`, "TestAttackToken/T82"},
	{"token_parse.go", `case !alg.is("RS256"):`, `case false:`, "TestAttackToken/T98"},
	{"token_parse.go", `case refused != "":`, `case false:`, "TestAttackToken/T53"},
	{"token_parse.go", `case typ.text != "" && !typ.is("JWT"):`, `case false:`, "TestAttackToken/T62"},
	{"token_parse.go", `case !kid.ok || kid.text == "" || len(kid.text) > maxKeyIDBytes:`, `case !kid.ok:`, "TestAttackToken/T67"},
	{"token_parse.go", `case t.expires < 0:`, `case false:`, "TestAttackToken/T203"},
	{"token_parse.go", `case t.issued < 0:`, `case false:`, "TestAttackToken/T213"},
	{"token_parse.go", `|| value[0] == '-' {`, `{`, "TestAttackToken/T208"},
	// What it claims.
	{"token_claims.go", `if !t.issuer.ok || !slices.Contains(googleIssuers, t.issuer.text) {`, `if !t.issuer.ok {`, "TestAttackToken/T150"},
	{"token_claims.go", `if !t.audience.ok || !slices.Contains(p.audiences, t.audience.text) {`, `if !t.audience.ok {`, "TestAttackToken/T160"},
	{"token_claims.go", `slices.Contains(p.audiences, t.audience.text)`, `slices.ContainsFunc(p.audiences, func(a string) bool { return strings.HasPrefix(t.audience.text, a) })`, "TestAttackToken/T172"},
	{"token_claims.go", `if !t.email.ok || !slices.Contains(p.emails, t.email.text) {`, `if !t.email.ok {`, "TestAttackToken/T180"},
	{"token_claims.go", `if t.emailVerified != "true" {`, `if t.emailVerified == "false" {`, "TestAttackToken/T193"},
	{"token_claims.go", `case seconds >= t.expires:`, `case seconds > t.expires:`, "TestAttackToken/T200"},
	{"token_claims.go", `case t.issued > latest || t.notBefore > latest:`, `case t.notBefore > latest:`, "TestAttackToken/T212"},
	{"token_claims.go", `case t.issued > latest || t.notBefore > latest:`, `case t.issued > latest:`, "TestAttackToken/T215"},
	{"token_claims.go", `case t.expires <= t.issued || t.expires-t.issued > int64(MaxTokenLifetime/time.Second):`, `case t.expires <= t.issued:`, "TestAttackToken/T217"},
	{"token_claims.go", `case t.expires <= t.issued || t.expires`, `case t.expires`, "TestAttackToken/T220"},
	// Key and signature.
	{"token.go", `key := set.byID[token.kid]`, `key := set.byID["key-1"]`, "TestAttackToken/T69"},
	{"token.go", `if remembered && known.print == key.print {`, `if remembered {`, "TestAttackToken/K32"},
	{"token.go", `if bad, cause := checkSignature(ctx, key, raw, token); bad != nil {`, `if bad, cause := checkSignature(ctx, key, raw, token); false && bad != nil {`, "TestAttackToken/T102"},
	{"token.go", `unverified := !remembered`, `unverified := false`, "TestAttackToken/T160"},
	{"keys.go", `unknown && elapsed(now, s.attempted, KeysUnknownInterval)`, `unknown`, "TestAttackToken/K34"},
	{"keys.go", `return k != nil && k.stale(now) < KeysGiveUpAge`, `return k != nil`, "TestAttackToken/K37"},
	{"keys.go", `retry := s.failures == 0 || elapsed(now, s.attempted, backoff(s.failures))`, `retry := true`, "TestAttackToken/K39"},
	{"keys.go", "if s.inflight == nil {\n\t\told", "if s.inflight == nil || true {\n\t\told", "TestAttackToken/K36"},
	{"keys_fetch.go", `if len(body) > MaxKeysBytes {`, `if false {`, "TestAttackToken/K03"},
	{"keys_fetch.go", `if resp.StatusCode != http.StatusOK {`, `if resp.StatusCode >= 300 {`, "TestAttackToken/K09"},
	{"keys_fetch.go", `return http.ErrUseLastResponse }`, `return nil }`, "TestAttackToken/K07"},
	{"keys_fetch.go", `context.WithTimeout(context.Background(), KeysTimeout)`, `context.WithTimeout(context.Background(), 10*KeysTimeout)`, "TestAttackToken/K02"},
	{"keys_fetch.go", `media != "application/json"`, `media != "application/json" && media != "text/html"`, "TestAttackToken/K04"},
	{"keys_fetch.go", `case public.N.BitLen() < minRSABits || public`, `case public`, "TestAttackToken/K14"},
	{"keys_fetch.go", `case head.ID == "" || len`, `case len`, "TestAttackToken/K15"},
	{"keys_fetch.go", `case k.has(head.ID):`, `case false:`, "TestAttackToken/K13"},
	{"keys_fetch.go", "if len(k.byID) == 0 {", "if false {", "TestAttackToken/K10"},

	// The session token.
	{"session.go", `case raw == "":`, `case false:`, "TestAttackSessionForm/J01"},
	{"verify.go", "if s.Agent == \"\" {\n\t\treturn rep.fail(malformedSession(s, StationSession), nil)", "if false {\n\t\treturn rep.fail(malformedSession(s, StationSession), nil)", "TestAttackSessionForm/J02"},
	{"verify.go", "if err != nil {\n\t\t\treturn err\n", "if true {\n\t\t\treturn err\n", "TestAgentAndSessionToken/no_token"},
	{"session.go", `case len(raw) > MaxSessionTokenBytes:`, `case false:`, "TestAttackSession/J07"},
	{"session.go", `if candidates[0].algorithm != token.algorithm {`, `if false {`, "TestAttackSession/J90"},
	{"session.go", `if !(remembered && known.print == k.print) {`, `if !remembered {`, "TestAttackSessionKeyServer/J124"},
	{"session.go", `if remembered || !token.signedWith(raw, k) {`, `if remembered {`, "TestAttackSession/J94"},
	{"session.go", `if len(candidates) == 0 {`, `if len(candidates) == 0 && token.kid == "" {`, "TestAttackSession/J95"},
	{"session.go", `if !t.issuer.is(p.issuer) {`, `if !t.issuer.ok {`, "TestAttackSession/J50"},
	{"session.go", `if !t.audience.is(p.audience) {`, `if !t.audience.ok {`, "TestAttackSession/J54"},
	{"session.go", `if !t.session.is(s.Name) {`, `if !t.session.ok {`, "TestAttackSession/J60"},
	{"session.go", `if !t.session.is(s.Name) {`, `if !strings.HasPrefix(s.Name, t.session.text) {`, "TestAttackSession/J62"},
	{"session.go", `case seconds >= t.expires:`, `case seconds > t.expires:`, "TestAttackSession/J80"},
	{"session.go", `case t.notBefore > latest:`, `case t.notBefore > latest+3600:`, "TestAttackSession/J82"},
	{"session.go", `case t.expires <= t.notBefore || t.expires-t.notBefore > int64(p.lifetime/time.Second):`, `case t.expires <= t.notBefore:`, "TestAttackSession/J83"},
	{"session.go", `case t.expires <= t.notBefore || t.expires`, `case t.expires`, "TestAttackSession/J87"},
	{"session_parse.go", `case refused != "":`, `case false:`, "TestAttackSession/J40"},
	{"session_parse.go", `case typ.text != "" && !typ.is("JWT"):`, `case false:`, "TestAttackSession/J46"},
	{"session_parse.go", `|| len(kid.text) > maxKeyIDBytes:`, `:`, "TestAttackSession/J48"},
	{"session_parse.go", `case t.expires < 0:`, `case false:`, "TestAttackSession/J18"},
	{"session_parse.go", `case t.notBefore < 0:`, `case false:`, "TestAttackSession/J19"},
	{"session_parse.go", `case k.has(parsed.KeyID):`, `case false:`, "TestSessionKeys"},
	{"session_parse.go", `if !k.IsPublic() {`, `if false {`, "TestSessionKeys"},
	{"session_parse.go", `if public.Curve.Params().Name != "P-256" {`, `if false {`, "TestSessionKeys"},

	// User name and password, the static header.
	{"secret.go", "case len(values) > 1:\n\t\treturn refuse(BasicDuplicate", "case false:\n\t\treturn refuse(BasicDuplicate", "TestAttackSecret/B03"},
	{"secret.go", `if !strings.EqualFold(scheme, "Basic") {`, `if scheme == "" {`, "TestAttackSecret/B05"},
	{"secret.go", `if strings.Contains(encoded, ",") {`, `if false {`, "TestAttackSecret/B04"},
	{"secret.go", "switch p.sums.match(string(credentials)) {\n\tcase -1:", "switch p.sums.match(string(credentials)) {\n\tcase -2:", "TestAttackSecret/B10"},
	{"secret.go", `if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {`, `if err == nil && false {`, "TestAttackSecret/B08"},
	{"secret.go", `case len(values) > 1 || strings.Contains(values[0], ","):`, `case strings.Contains(values[0], ","):`, "TestAttackSecret/H04"},
	{"secret.go", `case len(values) > 1 || strings.Contains(values[0], ","):`, `case len(values) > 1:`, "TestAttackSecret/H05"},
	{"secret.go", "switch p.sums.match(values[0]) {\n\tcase -1:", "switch p.sums.match(values[0]) {\n\tcase -2:", "TestAttackSecret/H06"},
	{"secret.go", `sum := textSum(value)`, `sum := textSum(value[:min(len(value), 27)])`, "TestAttackSecret/H08"},
	{"secret.go", `place := -1`, `place := 0`, "TestAttackSecret/B10"},

	// Policies and agents.
	{"policy.go", `if slices.Contains(set[:i], name) {`, `if slices.Contains(set[:i], "") {`, "TestAttackPolicy/P05"},
	{"policy.go", `case len(set) == 1 && set.has(proofSession):`, `case false:`, "TestAttackPolicy/P06"},
	{"policy.go", `case set.has(proofIDToken) && set.has(proofBasic):`, `case false:`, "TestAttackPolicy/P07"},
	{"policy.go", `if cfg.Certificate.Identities != nil && !slices`, `if !slices`, "TestAttackPolicy/P21"},
	{"policy.go", `|| id.CommonName != "" && id.CommonName == google.CommonName`, ``, "TestAttackPolicy/P24"},
	{"build.go", "b.add(cfg.checkTenants(set))", "", "TestAttackPolicy/P20"},
	{"build.go", `if !b.cfg.DangerNotProduction {`, `if false {`, "TestAttackPolicy/P30"},
	{"build.go", `if os.Getenv("K_SERVICE") != "" {`, `if os.Getenv("K_SERVICE") == "x" {`, "TestAttackPolicy/P31"},
	{"build.go", `if u.given && !set.has(u.proof) {`, `if false {`, "TestAttackPolicy/P60"},
	{"build.go", `if slices.Contains(v.secret, header.header) {`, `if false {`, "TestAttackPolicy/P48"},
	{"build.go", `v.proofs, v.secret = append(v.proofs, header), append(v.secret, header.header)`, `v.proofs = append(v.proofs, header)`, "TestAttackPolicyProofs/Q03"},
	{"build.go", `v.proofs, v.challenge = append(v.proofs, basic)`, `_, v.challenge = append(v.proofs, basic)`, "TestAttackPolicyProofs/Q02"},
	{"agent.go", `case idtoken && !slices.Contains(token.ProjectNumbers, a.ProjectNumber):`, `case false:`, "TestAttackPolicy/P70"},
	{"agent.go", `case !idtoken && a.ProjectNumber != "":`, `case false:`, "TestAttackPolicy/P73"},
	{"agent.go", `&& a.agent == s.Agent &&`, `&&`, "TestAttackAgent/L03"},
	{"agent.go", `&& a.location == s.Location &&`, `&&`, "TestAttackAgent/L06"},
	{"agent.go", `a.project == s.Project && a.loc`, `a.loc`, "TestAttackAgent/L07"},
	{"agent.go", `(a.caller == "" || a.caller == rep.Caller)`, `true`, "TestAttackAgent/L09"},
	{"agent.go", `(len(a.Environments) == 0 || slices.Contains(a.Environments, environment))`, `true`, "TestAttackAgent/L12"},
}

// TestTokenMutants plants each mutant over the source, which is never written into
// the tree, and expects its row to fail: a row that passes without the check that
// it is for proves nothing. It builds the tests anew for each: minutes.
func TestTokenMutants(t *testing.T) {
	for _, m := range tokenMutants {
		t.Run(m.row+"/"+m.file, func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%s: %q is there %d times, want once", m.file, m.old, n)
			}
			out, err := withMutant(t, m, strings.Replace(string(source), m.old, m.new, 1))
			switch {
			case err == nil:
				t.Errorf("survives: the row passes without the check\n-%s\n+%s", m.old, m.new)
			case !strings.Contains(out, "--- FAIL: "+m.row):
				t.Errorf("the row did not fail, something else did:\n%s", out)
			}
		})
	}
}

func withMutant(t *testing.T, m tokenMutant, source string) (string, error) {
	dir := t.TempDir()
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{changed: source, overlay: string(replace)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	test, row, _ := strings.Cut(m.row, "/")
	pattern := "^" + test + "$"
	if row != "" {
		pattern += "/^" + row
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-timeout=60s", "-ldflags=-s -w", "-overlay="+overlay, "-run="+pattern, ".").CombinedOutput()
	return string(out), err
}
