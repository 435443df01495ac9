package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// rsaWorld is the world where the client certificate has the keys that Dialogflow's
// has: RSA, 4096 bits in root and intermediate, 2048 in the leaf. The emulator's are
// faster, and so are those who verify them on every call.
type rsaWorld struct {
	env  []string
	call []byte
}

// newRSAWorld makes the chain of the emulator's names anew; making such keys takes
// seconds. The CA file goes to file.
func (w *world) newRSAWorld(file string) (*rsaWorld, error) {
	old, err := w.pki.ClientCertificate("google")
	if err != nil {
		return nil, err
	}
	authorities, _, err := verify.ParseCABundle(w.pki.Bundle("google"))
	if err != nil {
		return nil, err
	}
	between, err := x509.ParseCertificate(old.Certificate[1])
	if err != nil {
		return nil, err
	}
	var parent *x509.Certificate
	var signer *rsa.PrivateKey
	var bundle []byte
	chain := &tls.Certificate{}
	for i, like := range []*x509.Certificate{authorities[0], between, old.Leaf} {
		key, err := rsa.GenerateKey(rand.Reader, []int{4096, 4096, 2048}[i])
		if err != nil {
			return nil, err
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: like.Subject, NotBefore: like.NotBefore, NotAfter: like.NotAfter,
			KeyUsage: like.KeyUsage, ExtKeyUsage: like.ExtKeyUsage, IsCA: like.IsCA, BasicConstraintsValid: true, MaxPathLenZero: like.MaxPathLenZero}
		if i == 0 {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			return nil, err
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
		signer = key
		if i < 2 {
			bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		if i > 0 {
			chain.Certificate = slices.Insert(chain.Certificate, 0, der) // leaf first
		}
	}
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		return nil, err
	}
	header, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), chain)
	if err != nil {
		return nil, err
	}
	r := &rsaWorld{call: w.request(w.body, header)}
	for _, setting := range w.env {
		if strings.HasPrefix(setting, "CXHOOK_GOOGLE_CA_FILE=") {
			setting = "CXHOOK_GOOGLE_CA_FILE=" + file
		}
		r.env = append(r.env, setting)
	}
	return r, nil
}
