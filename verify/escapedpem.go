package verify

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// parseEscapedPEM reads certificates as nginx and Envoy write them in a header:
// PEM, URL-encoded. Encoders differ in whether they escape + / = and whether a
// line end closes the last block; nothing else may differ from the one way to
// write the bytes.
func parseEscapedPEM(value string, limit int) (ders [][]byte, err error) {
	// Not QueryUnescape, which makes a space of the + that an encoder left alone.
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, err
	}
	rest, plain := []byte(text), &strings.Builder{}
	for len(rest) > 0 {
		if len(ders) == limit {
			return nil, fmt.Errorf("more than %d certificates", limit)
		}
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("not PEM")
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(block.Bytes) == 0 {
			return nil, fmt.Errorf("block %d is not a certificate", len(ders)+1)
		}
		ders, rest = append(ders, block.Bytes), after
		plain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes}))
	}
	canonical := plain.String()
	if !strings.HasSuffix(value, "%0A") {
		canonical = strings.TrimSuffix(canonical, "\n")
	}
	escape := escapeAll
	if strings.ContainsAny(value, "+/=") {
		escape = escapeSome
	}
	if len(ders) == 0 || value != escape.Replace(canonical) {
		return nil, errors.New("not canonical PEM, URL-encoded")
	}
	return ders, nil
}

// What URLs reserve, of the characters that PEM has: all of them, or only those
// that no URL may have.
var (
	escapeAll  = strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D")
	escapeSome = strings.NewReplacer("\n", "%0A", " ", "%20")
)
