package verify

// certificateMutants are the checks of edge secret and certificate, each taken out
// of the code once.
var certificateMutants = []mutant{
	// The edge secret.
	{file: "edge.go", old: `case len(values) == 0 || len(values) == 1 && values[0] == "":`, new: `case false:`, row: "E02"},
	{file: "edge.go", old: `case len(values) > 1:`, new: `case false:`, row: "E03"},
	{file: "edge.go", old: `case match < 0:`, new: `case false:`, row: "E06", always: true},

	// Google's load balancer.
	{file: "googlelb.go", old: `case len(values) > 1:`, new: `case false:`, row: "C01"},
	{file: "googlelb.go", old: `case len(values[0]) > MaxCertificateHeaderBytes:`, new: `case false:`, row: "C46"},
	{file: "googlelb.go", old: `if empty {`, new: `if empty && false {`, row: "C30"},
	{file: "googlelb.go", old: `strings.Contains(value, ",") {`, new: `false {`, row: "C13"},
	{file: "googlelb.go", old: "case \"\":\n\t\t\treturn refuse(", new: "case \"\":\n\t\t\tcontinue\n\t\t\treturn refuse(", row: "C32"},
	{file: "googlelb.go", old: "default:\n\t\t\treturn refuse(CertHeaderMalformed", new: "default:\n\t\t\tcontinue\n\t\t\treturn refuse(CertHeaderMalformed", row: "C40"},
	{file: "googlelb.go", old: `case present == "true" && verified == "true":`, new: `case present == "true":`, row: "F03"},
	{file: "googlelb.go", old: `case present == "true" && verified == "true":`, new: `case verified == "true":`, row: "F04"},
	{file: "googlelb.go", old: `if c := intolerable(problem); c != nil {`, new: `if c := intolerable(problem); c != nil && false {`, row: "F20"},
	{file: "googlelb.go", old: `return !slices.Contains(toleratedLBErrors, w)`, new: `return !strings.HasSuffix(w, "_exceeded_size_limit")`, row: "F22"},
	{file: "googlelb.go", old: `if i < 0 && len(words) > 0 {`, new: `if i < 0 {`, row: "F28"},
	{file: "googlelb.go", old: `t.Unix() != 0 && now.After(t)`, new: `now.After(t)`, row: "F10"},
	{file: "googlelb.go", old: `t.Unix() != 0 && now.After(t)`, new: `false`, row: "F08"},
	{file: "googlelb.go", old: `if problem == "client_cert_validation_failed" {`, new: `if problem != "" {`, row: "F11"},
	{file: "googlelb.go", old: `err == nil && now.Before(t) {`, new: `err == nil && false {`, row: "F09"},
	{file: "googlelb.go", old: `if leaf == "" && g.withoutLeaf {`, new: `if leaf == "" {`, row: "D01"},
	{file: "googlelb.go", old: "if leaf == \"\" {\n\t\treturn evidence{}, rep.fail(", new: "if false {\n\t\treturn evidence{}, rep.fail(", row: "C36"},

	// The leaf, whatever forwards it.
	{file: "rfc9440.go", old: ` || padded != ":"+base64.StdEncoding.EncodeToString(der)+":"`, new: ` || base64.StdEncoding == nil`, row: "L08"},
	{file: "rfc9440.go", old: `if len(members) > MaxForwardedCertificates {`, new: `if false {`, row: "C47"},
	{file: "certificate.go", old: `if presented == expected {`, new: `if true {`, row: "L01", always: true},
	{file: "certificate.go", old: `if p.denied[leaf.fingerprint] {`, new: `if false {`, row: "L18"},
	{file: "certificate.go", old: `if ev.fingerprint == "" {`, new: `if false {`, row: "C34"},
	{file: "certificate.go", old: `decode(presented); err != nil || len(sum) != sha256.Size {`, new: `decode(presented); err != nil && len(sum) > 100 {`, row: "C43"},
	{file: "certificate.go", old: `case leaf.IsCA:`, new: `case false:`, row: "X15"},
	{file: "certificate.go", old: `case !p.serverCertificates && !forClients(leaf):`, new: `case false:`, row: "X12"},
	{file: "certificate.go", old: `return slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)`, new: `return slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)`, row: "X13"},
	{file: "certificate.go", old: `return append(slices.Clone(foreignHeaders), p.source.headers()...)`, new: `return p.source.headers()`, row: "C26"},
	{file: "certificate.go", old: `if !id.names(&leaf.subject, leaf.cert.DNSNames, leaf.uris) {`, new: `if false {`, row: "I01", always: true},
	{file: "certificate.go", old: `if c := id.brokenPin(leaf.parsedLeaf, path); c != nil {`, new: `if c := id.brokenPin(leaf.parsedLeaf, path); c != nil && false {`, row: "I43"},
	{file: "certificate.go", old: `case errors.As(err, &invalid) && invalid.Reason == x509.Expired:`, new: `case false:`, row: "X06"},
	{file: "certificate.go", old: `if now.Before(invalid.Cert.NotBefore) {`, new: `if false {`, row: "X07"},

	// The chain, and what of it is remembered.
	{file: "chain.go", old: `Roots: c.roots,`, new: `Roots: intermediates,`, row: "X03"},
	{file: "chain.go", old: `CurrentTime: now,`, new: `CurrentTime: leaf.cert.NotBefore,`, row: "X06"},
	{file: "chain.go", old: `KeyUsages: c.usages,`, new: `KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},`, row: "X14"},
	{file: "chain.go", old: `if servers {`, new: `if true {`, row: "X23"},
	{file: "chain.go", old: `c.usages = append(c.usages, x509.ExtKeyUsageServerAuth)`, new: `c.usages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}`, row: "R21"},
	{file: "chain.go", old: ` || !slices.ContainsFunc(v.paths, func(p certPath) bool { return p.validAt(now) })`, new: ` || !slices.ContainsFunc(v.paths, func(p certPath) bool { return true })`, row: "W26"},
	{file: "chain.go", old: "\tif len(cert.URIs) == 0 {\n\t\treturn nil\n\t}", new: "\tfor _, u := range cert.URIs {\n\t\turis = append(uris, u.String())\n\t}\n\tif len(uris) > 0 {\n\t\treturn uris\n\t}", row: "A09"},

	// Identities.
	{file: "identity.go", old: `!isOnly(subject.commonNames, id.CommonName),`, new: `!slices.Contains(subject.commonNames, id.CommonName),`, row: "I10"},
	{file: "identity.go", old: `return o != id.Organization`, new: `return false`, row: "I24"},
	{file: "identity.go", old: `id.DNSName != "" && !slices.Contains(dnsNames, id.DNSName),`, new: `false,`, row: "I31"},
	{file: "identity.go", old: `id.URIName != "" && !slices.Contains(uris, id.URIName):`, new: `false:`, row: "A11"},
	{file: "identity.go", old: `p.validAt(now) && contains(id.Roots, p.root)`, new: `contains(id.Roots, p.root)`, row: "W25"},
	{file: "identity.go", old: `p.validAt(now) && contains(id.Roots, p.root)`, new: `p.validAt(now)`, row: "I03"},
	{file: "identity.go", old: `case id.Country != "" && !isOnly(leaf.subject.countries, id.Country):`, new: `case false:`, row: "I41"},
	{file: "identity.go", old: `case id.OrganizationIdentifier != "" && !isOnly(leaf.subject.organizationIDs, id.OrganizationIdentifier):`, new: `case false:`, row: "I42"},
	{file: "identity.go", old: `case len(id.IntermediateSPKI) > 0 && !slices.Contains(id.IntermediateSPKI, path.issuerSPKI):`, new: `case false:`, row: "I40"},
	{file: "identity.go", old: `case len(id.LeafSPKI) > 0 && !slices.Contains(id.LeafSPKI, leaf.spki):`, new: `case false:`, row: "I43"},
	{file: "identity.go", old: `if len(pair) != 2 {`, new: `if len(pair) < 2 {`, row: "L13"},
	{file: "identity.go", old: `if len(rest) > 0 {`, new: `if len(rest) > 1 {`, row: "D21"},
	{file: "identity.go", old: `len(rdn) == 1 && v.Class`, new: `v.Class`, row: "I13"},
	{file: "identity.go", old: `(v.Tag == asn1.TagPrintableString || v.Tag == asn1.TagUTF8String)`, new: `true`, row: "I20"},

	// One value of each header.
	{file: "source.go", old: `case len(values) > 1:`, new: `case false:`, row: "R03"},
	{file: "source.go", old: `case len(values[0]) > limit:`, new: `case false:`, row: "N27"},

	// RFC 9440.
	{file: "rfc9440_source.go", old: `case leaf == "":`, new: `case false:`, row: "R01"},
	{file: "rfc9440_source.go", old: `case strings.Contains(leaf, ","):`, new: `case false:`, row: "R04"},
	{file: "rfc9440_source.go", old: `if len(chain) > MaxCertificateHeaderBytes {`, new: `if false {`, row: "R13"},
	{file: "rfc9440_source.go", old: `len(all) > MaxForwardedCertificates {`, new: `false {`, row: "R11"},

	// nginx.
	{file: "nginx.go", old: `if verify == "SUCCESS" || failed`, new: `if verify != "" || failed`, row: "N06"},
	{file: "nginx.go", old: `failed && s.anyPurpose && badPurpose(reason) {`, new: `failed && s.anyPurpose {`, row: "N11"},
	{file: "nginx.go", old: `failed && s.anyPurpose && badPurpose(reason) {`, new: `failed && badPurpose(reason) {`, row: "N10"},
	{file: "nginx.go", old: `case verify == "NONE":`, new: `case false:`, row: "N03"},
	{file: "nginx.go", old: `case verify == "" && leaf == "":`, new: `case false:`, row: "N01"},
	{file: "nginx.go", old: `case verify == "":`, new: `case false:`, row: "N04"},
	{file: "nginx.go", old: `case !failed && verify != "FAILED":`, new: `case false:`, row: "N14"},
	{file: "nginx.go", old: `case strings.Contains(reason, "expired"):`, new: `case false:`, row: "N08"},
	{file: "nginx.go", old: `case strings.Contains(reason, "not yet valid"):`, new: `case false:`, row: "N09"},
	{file: "nginx.go", old: `case badPurpose(reason):`, new: `case false:`, row: "N10"},
	{file: "nginx.go", old: "if leaf == \"\" {", new: "if false {", row: "N05"},
	{file: "escapedpem.go", old: ` || value != escape.Replace(canonical)`, new: ` || escape.Replace(canonical) == ""`, row: "N19"},
	{file: "escapedpem.go", old: `url.PathUnescape(value)`, new: `url.QueryUnescape(value)`, row: "N17"},
	{file: "escapedpem.go", old: `if len(ders) == limit {`, new: `if false {`, row: "V28"},

	// Envoy.
	{file: "xfcc_source.go", old: "if value == \"\" {\n\t\treturn refuse(", new: "if false {\n\t\treturn refuse(", row: "V01"},
	{file: "xfcc_source.go", old: `case n > s.elements:`, new: `case false:`, row: "V04"},
	{file: "xfcc_source.go", old: `case n < s.elements:`, new: `case false:`, row: "V05"},
	{file: "xfcc_source.go", old: `element := elements[0]`, new: `element := elements[len(elements)-1]`, row: "V06"},
	{file: "xfcc_source.go", old: `case cert == "" && chain == "" && s.withoutLeaf:`, new: `case cert == "" && chain == "":`, row: "V23"},
	{file: "xfcc_source.go", old: `case cert == "" && chain == "" && s.withoutLeaf:`, new: `case (cert == "" || chain == "") && s.withoutLeaf:`, row: "D41"},
	{file: "xfcc_source.go", old: `hash: hashHex}`, new: `hash: hashNone}`, row: "V19"},
	{file: "xfcc.go", old: `if len(elements) == maxXFCCElements {`, new: `if false {`, row: "V32"},
	{file: "xfcc.go", old: "case i < 0:\n", new: "case i < 0:\n\t\t\ti = 4\n\t\tcase false:\n", row: "V07"},
	{file: "xfcc.go", old: `case !xfccKeys[i].repeats && element.has(pair.key):`, new: `case false:`, row: "V09"},
	{file: "xfcc.go", old: `case len(element) == maxXFCCPairs:`, new: `case false:`, row: "V33"},
	{file: "xfcc.go", old: `case pair.value == "" && !xfccKeys[i].mayBeEmpty:`, new: `case false:`, row: "V22"},
	{file: "xfcc.go", old: `if xfccKeys[i].name == "Subject" {`, new: `if false {`, row: "V30"},
	{file: "xfcc.go", old: `strings.ContainsAny(pair.value, `, new: `false && strings.ContainsAny(pair.value, `, row: "V14"},
	{file: "xfcc.go", old: `if rest != "" && rest[0] != ';' && rest[0] != ',' {`, new: `if false {`, row: "V13"},
	{file: "xfcc.go", old: `escape >= 0 {`, new: `escape >= 1<<30 {`, row: "V12"},
	{file: "xfcc.go", old: "\t\t\tif multiple {", new: "\t\t\tif multiple && false {", row: "D33"},

	// The connection itself.
	{file: "connection.go", old: `if r.TLS == nil {`, new: `if r.TLS == nil { r.TLS = &tls.ConnectionState{} }; if false {`, row: "S01"},
	{file: "connection.go", old: `case len(peers) == 0:`, new: `case false:`, row: "S03"},
	{file: "connection.go", old: `case len(peers)-1 > MaxForwardedCertificates:`, new: `case false:`, row: "S11"},

	// A front that forwards no leaf, and is believed.
	{file: "assertion.go", old: "if err != nil || len(sum) != sha256.Size {", new: "if sum = append(sum, make([]byte, 32)...)[:32]; false {", row: "D02"},
	{file: "assertion.go", old: `time.Parse(time.RFC3339, get(r, d.name)); err != nil {`, new: `time.Parse(time.RFC3339, get(r, d.name)); false {`, row: "D04"},
	{file: "assertion.go", old: "if err == nil {\n\t\tc.subject", new: "if subject != nil {\n\t\tc.subject", row: "D20"},
	{file: "assertion.go", old: `if id := get(r, g.h.SPIFFEID); id != "" {`, new: `if id := ""; id != "" {`, row: "D22"},
	{file: "assertion.go", old: `len(c.issuer) == 0 {`, new: `false {`, row: "D11"},
	{file: "assertion.go", old: `if p.denied[c.fingerprint] {`, new: `if false {`, row: "D13"},
	{file: "assertion.go", old: `if c.hasDates && (now.Before(c.notBefore) || now.After(c.notAfter)) {`, new: `if false {`, row: "D05"},
	{file: "assertion.go", old: `if !id.names(&c.subject, c.dnsNames, c.uris) || !id.mayClaim(c) {`, new: `if !id.mayClaim(c) {`, row: "D09"},
	{file: "assertion.go", old: `if !id.names(&c.subject, c.dnsNames, c.uris) || !id.mayClaim(c) {`, new: `if !id.names(&c.subject, c.dnsNames, c.uris) {`, row: "D12"},
	{file: "assertion.go", old: `len(id.IntermediateSPKI) > 0 || len(id.LeafSPKI) > 0 || `, new: ``, row: "D16"},
}
