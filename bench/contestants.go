package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// contestant is a way to answer the call.
type contestant struct {
	name    string
	what    string
	program string   // the folder of its source in contestants
	own     bool     // it cannot be started as on Cloud Run: see contestants/own
	policy  []string // in place of the world's settings
	rsa     bool     // its caller's certificate has RSA keys: see rsaWorld
	fresh   bool     // each call has a new token and leaf
	json    bool     // answers are compared as JSON: protojson's bytes vary
}

// contestants are in the order of the table. The routes are not among them.
var contestants = []contestant{
	{name: "a", what: "net/http, body read, constant answer", program: "a"},
	{name: "a0", what: "the same through functions-framework-go: the platform's floor", program: "a0"},
	{name: "b", what: "framework, cxpb and protojson, nothing verified: what people write", program: "b", json: true},
	{name: "d0", what: "framework, encoding/json, idtoken.Validate and crypto/x509 on every call, no log", program: "d0"},
	{name: "d", what: "d0 with one line a call by cloud.google.com/go/logging: the honest rival", program: "d"},
	{name: "dr", what: "d, and the chain has RSA keys as Dialogflow's: 4096, 4096, 2048 bits", program: "d", rsa: true},
	{name: "n", what: "Node: functions-framework 5.0.5 and google-auth-library 10.9.1, token verified on every call, no certificate, no log", program: "n"},
	{name: "e", what: "ours: everything verified, one log line a call, steady state", program: "e"},
	{name: "er", what: "e, and the chain has those RSA keys", program: "e", rsa: true},
	{name: "f", what: "ours: every call a new token and a new leaf", program: "e", fresh: true},
	{name: "g", what: "ours: verification off", program: "own", own: true, policy: []string{"CXHOOK_POLICY=insecure-none", "CXHOOK_DANGER_NOT_PRODUCTION=true"}},
}

var contestantRoutes = contestant{name: "routes", what: "e with many routes", program: "own", own: true}

func names(list []contestant) (names []string) {
	for _, c := range list {
		names = append(names, c.name)
	}
	return names
}

// selected reads -contestants; "" is all of them.
func selected(wanted string) ([]contestant, error) {
	if wanted == "" {
		return contestants, nil
	}
	var list []contestant
	for name := range strings.SplitSeq(wanted, ",") {
		i := slices.IndexFunc(contestants, func(c contestant) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-contestants: no %q; have %s", name, strings.Join(names(contestants), ", "))
		}
		list = append(list, contestants[i])
	}
	return list, nil
}

// binary is a built program and how to run it.
type binary struct {
	argv  []string
	bytes int64 // its size; 0 for Node
}

// ldflags are those that cloudbuild.yaml gives to Google's buildpack.
const ldflags = "-s -w"

// profile is where the buildpack's main would have its profile: beside the generated
// main.go, which is written into the uploaded folder.
const profile = "../functions.local/app/default.pgo"

// build makes the program of source in dir. An error that is a missing says what the
// machine lacks.
func build(ctx context.Context, source, dir string) (binary, error) {
	if source == "n" {
		return buildNode(ctx, dir)
	}
	out := filepath.Join(dir, source)
	args := []string{"build", "-trimpath", "-ldflags", ldflags, "-o", out}
	if source == "e" || source == "own" {
		if path, err := filepath.Abs(profile); err == nil {
			if _, err := os.Stat(path); err == nil {
				args = append(args, "-pgo", path)
			}
		}
	}
	if err := command(ctx, ".", "go", append(args, "./contestants/"+source)...); err != nil {
		return binary{}, err
	}
	info, err := os.Stat(out)
	if err != nil {
		return binary{}, err
	}
	return binary{argv: []string{out}, bytes: info.Size()}, nil
}

// missing is a contestant that this machine cannot run.
type missing string

func (m missing) Error() string { return string(m) }

func buildNode(ctx context.Context, dir string) (binary, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return binary{}, missing(tool + " is not installed")
		}
	}
	dir = filepath.Join(dir, "n")
	if err := os.CopyFS(dir, os.DirFS("contestants/n")); err != nil {
		return binary{}, err
	}
	if err := command(ctx, dir, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"); err != nil {
		return binary{}, missing("npm could not install its packages: " + err.Error())
	}
	return binary{argv: []string{"node", filepath.Join(dir, "node_modules/@google-cloud/functions-framework/build/src/main.js"), "--source", dir}}, nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return errors.Join(err, ctx.Err())
}
