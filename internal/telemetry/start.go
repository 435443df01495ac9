package telemetry

// Start is the configuration as the function understood it: what an operator
// compares with what was meant. Secrets are counted and never shown.
type Start struct {
	Policy         string   `json:"policy"`
	Audiences      []string `json:"audiences,omitzero"`
	ProjectNumbers []string `json:"projectNumbers,omitzero"`
	KeysURL        string   `json:"keysUrl,omitzero"`
	Agents         []string `json:"agents,omitzero"` // allowed ones; none is all that the proofs let in

	Edge        *StartEdge        `json:"edge,omitzero"`
	Certificate *StartCertificate `json:"certificate,omitzero"`
	Basic       int               `json:"basicCredentials,omitzero"` // their number
	Header      *StartEdge        `json:"header,omitzero"`
	Session     *StartSession     `json:"session,omitzero"`

	Routes   []string `json:"routes,omitzero"`
	Paths    []string `json:"paths,omitzero"`
	Budget   string   `json:"budget"`      // of a call; its route may have another
	Calls    int      `json:"concurrency"` // that run at a time
	Log      string   `json:"log"`
	Tracing  string   `json:"tracing"` // where spans go, or "off"
	Warnings []string `json:"warnings,omitzero"`
}

// StartEdge is a header that carries a secret.
type StartEdge struct {
	Name    string `json:"name"`
	Secrets int    `json:"secrets"` // their number: two while one is rotated
}

// StartCertificate is whose client certificate is accepted, and where it is read.
type StartCertificate struct {
	Source     string   `json:"source"`
	Headers    []string `json:"headers,omitzero"` // the only ones that are read
	Identities []string `json:"identities"`
	Denied     int      `json:"denied,omitzero"` // fingerprints on the denied list
	Pins       []Pin    `json:"pins"`            // the first to end first
}

// Pin is a configured root or intermediate.
type Pin struct {
	Identity string `json:"identity"`
	Subject  string `json:"subject"`
	DaysLeft int    `json:"daysLeft"`
}

// StartSession is whose session token is accepted.
type StartSession struct {
	Parameter string `json:"parameter"`
	Issuer    string `json:"issuer"`
	Audience  string `json:"audience"`
	Keys      string `json:"keys"` // where they are from
}
