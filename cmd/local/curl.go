package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

// notForCurl are headers of a call that curl sets itself, or that would make its
// call the same one as before.
var notForCurl = []string{"Accept-Encoding", "Authorization", "Connection", "Content-Length", "Host", "X-Cloud-Trace-Context"}

// Curl gives a line that makes a call again as the same kind of caller, with a new
// token.
func (s *stack) Curl(c *console.Call, body []byte) (curl console.Curl, err error) {
	switch {
	case s.cfg.public != nil:
		return curl, console.Refusef("this stack answers a real agent: only Google can make a token that it accepts")
	case c.ClientCert == "" || c.Token == "":
		return curl, console.Refusef("call %d: somebody else made it; who called, and with what, is not known", c.ID)
	}
	target, identity := s.origin()+c.Path, ""
	if c.Path == "" { // it got nowhere
		target = s.url
	}
	if c.Way == "" || c.Way == console.Direct {
		if identity, err = s.curlIdentity(c.ClientCert); err != nil {
			return curl, err
		}
	} else {
		target = "http://" + s.running().address + c.Path
	}
	header := c.Request.Header.Clone()
	for _, name := range notForCurl {
		header.Del(name)
	}
	token, err := s.issuer.Token(c.Token, s.url, projectNumber)
	if err != nil {
		return curl, console.Refusef("%v", err)
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	headers, err := s.write(fmt.Sprintf("call-%d.headers", c.ID), headerLines(header))
	if err != nil {
		return curl, err
	}
	data, err := s.write(fmt.Sprintf("call-%d.json", c.ID), body)
	if err != nil {
		return curl, err
	}
	curl.Line = fmt.Sprintf("curl %s-H @%s --data-binary @%s %s", identity, headers, data, target)
	curl.Note = "The files stay until the stack stops; the token in them is new, and lasts for an hour."
	return curl, nil
}

// curlIdentity is the part of a line that says who calls; "none" has no
// certificate.
func (s *stack) curlIdentity(kind string) (string, error) {
	roots, err := s.write("server-ca.pem", s.serverRootsPEM)
	if err != nil {
		return "", err
	}
	certificate, err := s.pki.ClientCertificate(kind)
	if err != nil {
		return "", console.Refusef("%v", err)
	}
	if certificate == nil {
		return fmt.Sprintf("--cacert %s ", roots), nil
	}
	chain, key, err := emulator.EncodePEM(certificate)
	if err != nil {
		return "", err
	}
	chainFile, err := s.write("client-"+kind+".pem", chain)
	if err != nil {
		return "", err
	}
	keyFile, err := s.write("client-"+kind+"-key.pem", key)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("--cacert %s --cert %s --key %s ", roots, chainFile, keyFile), nil
}

// headerLines is a header as curl reads it from a file.
func headerLines(h http.Header) []byte {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		for _, value := range h[name] {
			if value == "" { // curl takes "Name:" for one to leave out
				fmt.Fprintf(&b, "%s;\n", name)
				continue
			}
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.Bytes()
}
