package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/dunglas/httpsfv"
)

// parseByteSequence reads a certificate as RFC 9440 writes it in Client-Cert, and
// Google's load balancer in its leaf: one structured field item, a byte sequence
// without parameters. Base64 padding may be missing (RFC 8941 section 4.2.7, and
// the balancer's fingerprint lacks it); nothing else may differ from the one way
// to write the bytes.
func parseByteSequence(value string) ([]byte, error) {
	padded := value
	if n := len(value) - 2; n > 0 && n%4 > 1 && !strings.Contains(value, "=") && value[len(value)-1] == ':' {
		padded = value[:len(value)-1] + "=="[:4-n%4] + ":"
	}
	item, err := httpsfv.UnmarshalItem([]string{padded})
	if err != nil {
		return nil, fmt.Errorf("not an RFC 9440 byte sequence: %w", err)
	}
	der, _ := item.Value.([]byte) // nil where it is of another type
	if len(der) == 0 || padded != ":"+base64.StdEncoding.EncodeToString(der)+":" {
		return nil, errors.New("not a byte sequence in canonical base64, without parameters")
	}
	return der, nil
}

// parseByteSequenceList reads RFC 9440's Client-Cert-Chain: a list of what
// parseByteSequence reads, with "," or ", " between all of them. An empty value
// is an empty list.
func parseByteSequenceList(value string) ([][]byte, error) {
	if value == "" {
		return nil, nil
	}
	separator := ","
	if strings.Contains(value, ", ") {
		separator = ", "
	}
	// No byte sequence has a comma in it: a member that does is refused.
	members := strings.SplitN(value, separator, MaxForwardedCertificates+1)
	if len(members) > MaxForwardedCertificates {
		return nil, fmt.Errorf("more than %d certificates", MaxForwardedCertificates)
	}
	ders := make([][]byte, len(members))
	for i, member := range members {
		der, err := parseByteSequence(member)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		ders[i] = der
	}
	return ders, nil
}
