package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// pinnedRoots are the trust anchors that are built in, with the SHA-256 that
// their CAs publish and the file in which Debian's ca-certificates has them.
var pinnedRoots = []struct{ identity, commonName, sha256, file string }{
	{"google", "SSL.com Root Certification Authority RSA", "85666A562EE0BE5CE925C1D8890A6F76A87EC16D4D7D5F29EA7419CF20123B69", "SSL.com_Root_Certification_Authority_RSA.pem"},
	{"google-legacy", "GTS Root R1", "D947432ABDE7B7FA90FC2E6B59101B1280E0E1C7E4E40FA3C6887FFF57A7F4CF", "GTS_Root_R1.pem"},
	{"google-legacy", "GTS Root R2", "8D25CD97229DBF70356BDA4EB3CC734031E24CF00FAFCFD32DC76EB5841C7EA8", "GTS_Root_R2.pem"},
	{"google-legacy", "GTS Root R3", "34D8A73EE208D9BCDB0D956520934B4E40E69482596E8B6F73C8426B010A6F48", "GTS_Root_R3.pem"},
	{"google-legacy", "GTS Root R4", "349DFA4058C5E263123B398AE795573C4E1313C83FE68F93556CD5E8031B3C7D", "GTS_Root_R4.pem"},
	{"google-legacy", "GlobalSign", "B085D70B964F191A73E4AF0D54AE7A0E07AAFDAF9B71DD0862138AB7325A24A2", "GlobalSign_ECC_Root_CA_-_R4.pem"},
}

// knownIntermediate is SSL.com Client Certificate Intermediate CA RSA R2.
const knownIntermediate = "B6E44A69342D84363AB12182F2D2B888501B063A76BEB00350E38DDC74715034"

func sumOf(cert *x509.Certificate) string { return fmt.Sprintf("%X", sha256.Sum256(cert.Raw)) }

func TestPinnedRoots(t *testing.T) {
	embedded := map[string][]*x509.Certificate{"google": GoogleIdentity().Roots, "google-legacy": GoogleLegacyIdentity().Roots}
	total := 0
	for _, certs := range embedded {
		total += len(certs)
	}
	if total != len(pinnedRoots) {
		t.Errorf("%d roots are built in, want %d", total, len(pinnedRoots))
	}
	for _, pin := range pinnedRoots {
		t.Run(pin.commonName, func(t *testing.T) {
			var root *x509.Certificate
			for _, cert := range embedded[pin.identity] {
				if sumOf(cert) == pin.sha256 {
					root = cert
				}
			}
			if root == nil {
				t.Fatalf("no root of %s has the SHA-256 %s", pin.identity, pin.sha256)
			}
			if root.Subject.CommonName != pin.commonName {
				t.Errorf("it is %q", root.Subject.CommonName)
			}
			if err := root.CheckSignatureFrom(root); err != nil {
				t.Errorf("it did not sign itself: %v", err)
			}

			path := filepath.Join("/etc/ssl/certs", pin.file)
			b, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				t.Skipf("the system has no copy to compare with: %s; install ca-certificates", path)
			} else if err != nil {
				t.Fatal(err)
			}
			if block, _ := pem.Decode(b); block == nil || !bytes.Equal(block.Bytes, root.Raw) {
				t.Errorf("the system's copy, %s, is another certificate", path)
			}
		})
	}
}

func TestKnownIntermediate(t *testing.T) {
	id := GoogleIdentity()
	if len(id.Intermediates) != 1 || sumOf(id.Intermediates[0]) != knownIntermediate {
		t.Fatalf("the built-in intermediate is not SSL.com's R2")
	}
	if err := id.Intermediates[0].CheckSignatureFrom(id.Roots[0]); err != nil {
		t.Errorf("the root did not sign it: %v", err)
	}
	if got := GoogleLegacyIdentity().Intermediates; len(got) != 0 {
		t.Errorf("google-legacy has %d intermediates; Google Trust Services' are short-lived, so none is built in", len(got))
	}

	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	path := filepath.Join(dir, "..", "pki", "sslcom-client-intermediate-rsa-r2.pem")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no other copy to compare with: %s; set CX_CORPUS", path)
	} else if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(b); block == nil || !bytes.Equal(block.Bytes, id.Intermediates[0].Raw) {
		t.Errorf("%s is another certificate", path)
	}
}
