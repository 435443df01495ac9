package webhook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// admit joins the proofs that need the body to the router: they are handed the
// session that handlers see, out of the one decoding. then is the agent's own
// Admit; nil for none.
func admit(v *verify.Verifier, then func(context.Context, *cx.Request) error) func(context.Context, *cx.Request) error {
	parameter := v.SessionParameter()
	if !v.JudgesSession() {
		return then
	}
	return func(ctx context.Context, req *cx.Request) error {
		token := ""
		if parameter != "" {
			token = text(req.SessionInfo.Parameters[parameter])
			req.RemoveParameter(parameter) // whatever becomes of the call
		}
		rep := verify.FromContext(ctx)
		if rep == nil { // not reached: the middleware stands before
			return errors.New("the call was not verified")
		}
		s := req.Session()
		err := v.VerifySession(ctx, verify.Session{Name: req.SessionInfo.Session, Project: s.Project, Location: s.Location, Agent: s.Agent, Environment: s.Environment}, token, rep)
		var denied *verify.Error
		switch {
		case errors.As(err, &denied):
			if rec, ok := ctx.Value(recordKey{}).(*record); ok {
				rec.denied = denied
			}
			return &cx.Error{Status: denied.Status(), Err: denied}
		case err != nil:
			return err
		case then != nil:
			return then(ctx, req)
		}
		return nil
	}
}

// text gives a parameter's text; of anything else its JSON, which is no token.
func text(v jsontext.Value) string {
	switch {
	case len(v) == 0 || v.Kind() == 'n':
		return ""
	case v.Kind() != '"':
		return string(v)
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil { // not reached: the decoder has checked it
		return string(v)
	}
	return string(s)
}

// checkSessionPaths refuses paths that would get round the session token: what
// calls there brings no session.
func checkSessionPaths(v *verify.Verifier, paths int) error {
	if v.SessionParameter() == "" || paths == 0 {
		return nil
	}
	return errors.New("config: paths: a flexible webhook or an OpenAPI tool brings no session parameters, so the policy's session token cannot be checked there; serve them by another function")
}

// mountedSecrets gives those of the variables, or those of the files that the
// variable files names: one secret a file, without the line end that it may have.
// They are read once, at the start.
func (e *envReader) mountedSecrets(files string, names ...string) []string {
	list := e.secrets(names...)
	paths := e.list(files)
	if len(paths) > 0 && len(list) > 0 {
		e.problem(files, names[0]+" is set too; have one of them")
	}
	for _, path := range paths {
		if path == "" {
			continue // said by list
		}
		b, err := os.ReadFile(path)
		secret := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
		switch {
		case err != nil:
			e.problem(files, err.Error())
		case secret == "":
			e.problem(files, path+": empty; is the secret mounted?")
		default:
			list = append(list, secret)
		}
	}
	return list
}

func (e *envReader) session() verify.SessionConfig {
	cfg := verify.SessionConfig{
		Parameter: os.Getenv(envSessionParameter), Issuer: os.Getenv(envSessionIssuer), Audience: os.Getenv(envSessionAudience),
		KeysURL:     os.Getenv(envSessionKeysURL),
		HMACSecrets: e.mountedSecrets(envSessionHMACFiles, envSessionHMAC, envSessionHMACPrev),
	}
	if value := os.Getenv(envSessionLifetime); value != "" {
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Second {
			e.problem(envSessionLifetime, fmt.Sprintf("%q; want a duration from 1s to 24h, as 30m", value))
		}
		cfg.MaxLifetime = d
	}
	if file := os.Getenv(envSessionKeysFile); file != "" {
		b, err := os.ReadFile(file)
		if err == nil && len(b) == 0 {
			err = fmt.Errorf("%s: empty; is it mounted?", file)
		}
		if err != nil {
			e.problem(envSessionKeysFile, err.Error())
		}
		cfg.JWKS = b
	}
	return cfg
}

// agents reads NUMBER=projects/P/locations/L/agents/A[/environments/E].
func (e *envReader) agents() []verify.AllowedAgent {
	var list []verify.AllowedAgent
	for _, entry := range e.list(envAgents) {
		number, name, ok := strings.Cut(entry, "=")
		if !ok {
			number, name = "", entry
		}
		a := verify.AllowedAgent{ProjectNumber: number, Agent: name}
		if agent, environment, ok := strings.Cut(name, "/environments/"); ok {
			a.Agent, a.Environments = agent, []string{environment}
		}
		list = append(list, a)
	}
	return list
}
