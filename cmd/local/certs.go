package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/cxhook/internal/emulator"
)

// certsCmd writes certificates that a real agent can be given.
type certsCmd struct {
	Dir  string `arg:"" name:"DIR" help:"An empty folder, or one that is not there yet."`
	Host string `default:"webhook.example.com" help:"Host of the webhook's URL, for the server's certificate."`
}

func (c *certsCmd) Run(out *streams) error {
	switch entries, err := os.ReadDir(c.Dir); {
	case err == nil && len(entries) > 0:
		return usagef("certs: %s is not empty; keys are not written over", c.Dir)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return usagef("certs: %v", err)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return usagef("certs: %v", err)
	}
	pki, err := emulator.NewPKI(time.Now())
	if err != nil {
		return err
	}
	return errors.Join(c.server(pki, out), c.agent(pki, out))
}

func (c *certsCmd) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(c.Dir, name), content, 0o600)
}

// server writes the certificate of the webhook's own server, for an agent that is
// told to trust it: the custom CA setting takes it as DER.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/custom-ca
func (c *certsCmd) server(pki *emulator.PKI, out *streams) error {
	certificate, err := pki.SelfMadeServerCertificate(c.Host)
	if err != nil {
		return err
	}
	chain, key, err := emulator.EncodePEM(&certificate)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.out, `%[1]s/server.pem, server-key.pem
  the server's certificate for %[2]s, valid until %[3]s; for a server of your own
  that terminates TLS, see docs/emulator.md
%[1]s/server.der
  the same as DER, for the webhook's custom CA setting

`, c.Dir, c.Host, certificate.Leaf.NotAfter.Format(time.DateOnly))
	return errors.Join(c.write("server.pem", chain), c.write("server-key.pem", key), c.write("server.der", certificate.Leaf.Raw))
}

// agent writes a client certificate for one agent alone, with the authority that
// the load balancer and the function are to trust.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/mtls (custom client certificates)
func (c *certsCmd) agent(pki *emulator.PKI, out *streams) error {
	certificate, err := pki.ClientCertificate("custom")
	if err != nil {
		return err
	}
	chain, key, err := emulator.EncodePEM(certificate)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.out, `%[1]s/agent.pem, agent-key.pem, agent-ca.pem
  a client certificate for your agent, valid until %[2]s, and its authority. The
  authority's own key is not kept: for the next certificate, make all of them anew.
  To install it:

  gcloud secrets create cxhook-agent-key --data-file=%[1]s/agent-key.pem
  gcloud secrets add-iam-policy-binding cxhook-agent-key --role=roles/secretmanager.secretAccessor \
    --member=serviceAccount:service-PROJECT_NUMBER@gcp-sa-dialogflow.iam.gserviceaccount.com
  jq -n --rawfile pem %[1]s/agent.pem '{clientCertificateSettings: {sslCertificate: $pem,
      privateKey: "projects/PROJECT/secrets/cxhook-agent-key/versions/1"}}' |
    curl -X PATCH -H "Authorization: Bearer $(gcloud auth print-access-token)" -H 'Content-Type: application/json' \
      -H 'X-Goog-User-Project: PROJECT' --data @- \
      'https://LOCATION-dialogflow.googleapis.com/v3/projects/PROJECT/locations/LOCATION/agents/AGENT?updateMask=clientCertificateSettings'

  The load balancer's TrustConfig takes agent-ca.pem alone, and the function:

  CXHOOK_IDENTITIES=custom CXHOOK_CUSTOM_CA_FILE=%[1]s/agent-ca.pem CXHOOK_CUSTOM_CN=%[3]s
`, c.Dir, certificate.Leaf.NotAfter.Format(time.DateOnly), certificate.Leaf.Subject.CommonName)
	return errors.Join(c.write("agent.pem", chain), c.write("agent-key.pem", key), c.write("agent-ca.pem", pki.Bundle("custom")))
}
