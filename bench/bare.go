package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Bare is what the signatures of a call of contestant f cost alone: one RSA-2048 of
// the token, and ECDSA P-256 of the leaf and of the intermediate above it. In
// microseconds of CPU, on the server's core.
type Bare struct {
	RSA   Summary `json:"rsa2048Verify"`
	ECDSA Summary `json:"ecdsaP256Verify"`
}

// ecdsaOfCall is how many of them a chain of leaf, intermediate and root takes.
const ecdsaOfCall = 2

// bare measures both in rounds. It is called between those of the contestants, so
// that noise is theirs too.
type bare struct {
	digest     [sha256.Size]byte
	rsaKey     *rsa.PrivateKey
	rsaSig     []byte
	ecdsaKey   *ecdsa.PrivateKey
	ecdsaSig   []byte
	rsa, ecdsa []float64
}

func newBare() (*bare, error) {
	b := &bare{digest: sha256.Sum256([]byte("a token"))}
	var problems [4]error
	if b.rsaKey, problems[0] = rsa.GenerateKey(rand.Reader, 2048); problems[0] == nil {
		b.rsaSig, problems[1] = rsa.SignPKCS1v15(nil, b.rsaKey, crypto.SHA256, b.digest[:])
	}
	if b.ecdsaKey, problems[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); problems[2] == nil {
		b.ecdsaSig, problems[3] = ecdsa.SignASN1(rand.Reader, b.ecdsaKey, b.digest[:])
	}
	return b, errors.Join(problems[:]...)
}

// round measures both for d each.
func (b *bare) round(d time.Duration) error {
	return onServerCore(func() error { return b.measure(d) })
}

func (b *bare) measure(d time.Duration) error {
	for _, op := range []struct {
		to     *[]float64
		verify func() bool
	}{
		{&b.rsa, func() bool {
			return rsa.VerifyPKCS1v15(&b.rsaKey.PublicKey, crypto.SHA256, b.digest[:], b.rsaSig) == nil
		}},
		{&b.ecdsa, func() bool { return ecdsa.VerifyASN1(&b.ecdsaKey.PublicKey, b.digest[:], b.ecdsaSig) }},
	} {
		begin, err := clock(unix.CLOCK_THREAD_CPUTIME_ID)
		n := 0
		for until := time.Now().Add(d); time.Now().Before(until); n++ {
			if !op.verify() {
				return errors.New("a good signature is refused")
			}
		}
		end, err2 := clock(unix.CLOCK_THREAD_CPUTIME_ID)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		*op.to = append(*op.to, round4(float64(end-begin)/1e3/float64(n)))
	}
	return nil
}

func (b *bare) summary() *Bare { return &Bare{summarize(b.rsa), summarize(b.ecdsa)} }
