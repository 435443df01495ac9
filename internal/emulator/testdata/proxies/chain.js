// The leaf as an RFC 9440 byte sequence: nginx has it as PEM, whose body is base64
// already.
function leaf(r) {
  const pem = r.variables.ssl_client_raw_cert;
  return pem ? ':' + pem.split('\n').filter(line => line && !line.startsWith('-----')).join('') + ':' : '';
}
export default { leaf };
