package console

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/emulator"
)

func (e *entry) summary() Summary {
	s := Summary{ID: e.id, Seq: e.seq, Time: e.time, Source: "outside", Status: e.status(), Micros: e.total(), Done: e.done()}
	if e.sent != nil {
		s.Source, s.ReplayOf = e.sent.Source, e.sent.ReplayOf
	}
	_, body, _ := e.request()
	f := factsOf(body)
	s.Tag, s.Session, s.Said = f.Tag.Tag, f.Session.Session, f.said()
	switch {
	case e.seen != nil:
		s.Path = e.seen.Path
	case e.line != nil:
		s.Path = e.line.Request.URL
	}
	if e.line != nil && s.Tag == "" {
		s.Tag = e.line.Labels.Tag
	}
	verdicts, _ := e.judge()
	s.Verdict = "pass"
	for _, v := range verdicts {
		if v.Outcome == "fail" {
			s.Verdict, s.Reason = "fail", v.Code
			break
		}
	}
	if s.Verdict == "pass" && s.Status != http.StatusOK {
		if s.Verdict = "fail"; !s.Done {
			s.Verdict = ""
		}
	}
	if s.Done {
		s.Event = e.event()
	}
	if e.line != nil {
		s.Outcome = e.line.Labels.Outcome
	}
	if s.Status == http.StatusOK {
		_, answer, _ := e.response()
		s.Invalid = refused(answer)
	}
	s.Warn = s.Verdict == "pass" && (s.Outcome == "late" || s.Invalid != "" || e.sent != nil && e.sent.Note != "" ||
		slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Outcome == "warn" }))
	s.Message = e.message(s)
	return s
}

func (e *entry) message(s Summary) string {
	switch {
	case e.line != nil:
		return e.line.Message
	case s.Reason != "":
		return "no answer: " + s.Reason
	case !s.Done:
		return "under way"
	}
	return "answered"
}

// status is what the sender got, or else what was sent to it.
func (e *entry) status() int {
	switch {
	case e.exchange != nil:
		return e.exchange.Status
	case e.seen != nil:
		return e.seen.Status
	case e.line != nil:
		return e.line.Request.Status
	}
	return 0
}

// event is what Dialogflow makes of the call; of somebody else's it is what it
// would make.
func (e *entry) event() string {
	if e.exchange != nil {
		return e.exchange.Event()
	}
	if e.seen != nil && e.seen.Refused != nil {
		return (&emulator.Exchange{Failed: emulator.StageHandshake}).Event()
	}
	return (&emulator.Exchange{Status: e.status()}).Event()
}

// done says that nobody is expected to say more. A function that is slower than the
// sender's patience writes its line later all the same.
func (e *entry) done() bool {
	switch {
	case e.sent != nil && e.exchange == nil:
		return false
	case e.exchange != nil && e.exchange.Status == 0:
		return true
	case e.sent == nil && e.seen != nil && e.seen.Refused == nil && !e.seen.Whole:
		return false
	case e.seen != nil && (e.seen.Refused != nil || e.seen.BackendError != nil):
		return true
	case e.sent == nil && e.seen != nil && e.seen.Status == 0: // broken off, perhaps before the function was asked
		return true
	}
	return e.line != nil
}

// request is what was sent, as far as is known: bytes is the whole body's length.
func (e *entry) request() (header http.Header, body []byte, bytes int64) {
	switch {
	case e.exchange != nil:
		header, body = e.exchange.RequestHeader, e.exchange.Request
	case e.sent != nil:
		body = e.sent.Body
	case e.seen != nil:
		return e.seen.RequestHeader, e.seen.RequestBody, e.seen.RequestBytes
	}
	return header, body, int64(len(body))
}

func (e *entry) response() (header http.Header, body []byte, bytes int64) {
	switch {
	case e.exchange != nil:
		header, body = e.exchange.ResponseHeader, e.exchange.Response
	case e.sent == nil && e.seen != nil:
		return e.seen.ResponseHeader, e.seen.ResponseBody, e.seen.ResponseBytes
	}
	return header, body, int64(len(body))
}

func (e *entry) call() *Call {
	c := &Call{Summary: e.summary(), Trace: e.trace, Way: e.way()}
	c.Verdicts, c.Timings = e.judge()
	c.Request, c.Response = message(e.request()), message(e.response())
	c.Exact = len(c.Request.raw) > 0 && !c.Request.Truncated && len(c.Request.Header) > 0
	c.Bearer = bearerOf(c.Request.Header)
	if e.sent != nil {
		c.ClientCert, c.Token, c.Attempt = e.sent.ClientCert, e.sent.Token, e.sent.Attempt
		if c.Status == http.StatusOK {
			c.Note = e.sent.Note
		}
	} else if e.seen != nil && e.seen.Refused == nil { // of somebody else's, what can be told
		if !e.seen.Present && c.Way == "" {
			c.ClientCert = "none"
		}
		if c.Bearer == nil {
			c.Token = "none"
		}
	}
	if x := e.exchange; x != nil {
		c.Silent = x.Silent()
		if x.Err != nil {
			c.Failure = x.Err.Error()
		}
	}
	if e.line != nil {
		c.Log, c.Cause = e.line.raw, e.line.Error
	}
	if e.seen != nil {
		c.Forwarded = e.seen.Header
		c.TLS = e.seen.TLSVersion
		if e.seen.Resumed {
			c.TLS += ", resumed"
		}
		for _, cert := range e.seen.Chain {
			c.Chain = append(c.Chain, describe(cert))
		}
	}
	return c
}

// Certificate is one of a presented chain.
type Certificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"` // hex
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	SANs        []string  `json:"sans,omitzero"`
	Key         string    `json:"key"`         // its algorithm
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the certificate, hex
}

func describe(cert *x509.Certificate) Certificate {
	sum := sha256.Sum256(cert.Raw)
	c := Certificate{Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Serial: cert.SerialNumber.Text(16),
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Key: cert.PublicKeyAlgorithm.String(), Fingerprint: hex.EncodeToString(sum[:])}
	c.SANs = append(c.SANs, cert.DNSNames...)
	c.SANs = append(c.SANs, cert.EmailAddresses...)
	for _, ip := range cert.IPAddresses {
		c.SANs = append(c.SANs, ip.String())
	}
	for _, u := range cert.URIs {
		c.SANs = append(c.SANs, u.String())
	}
	return c
}

// Bearer is a token as it reads, whoever made it: nothing of it is verified here.
type Bearer struct {
	Header jsontext.Value `json:"header"` // null where it cannot be read
	Claims jsontext.Value `json:"claims"`
}

// bearerOf reads the token of a request; nil is none.
func bearerOf(h http.Header) *Bearer {
	_, token, ok := strings.Cut(h.Get("Authorization"), "Bearer ")
	if !ok {
		return nil
	}
	b := &Bearer{jsontext.Value("null"), jsontext.Value("null")}
	parts := strings.Split(token, ".")
	for i, into := range []*jsontext.Value{&b.Header, &b.Claims} {
		if i >= len(parts) {
			break
		}
		if text, err := base64.RawURLEncoding.DecodeString(parts[i]); err == nil && jsontext.Value(text).IsValid() {
			*into = text
		}
	}
	return b
}
