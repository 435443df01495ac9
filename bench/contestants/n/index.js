// Contestant n: Google's two libraries for Node. The token is verified on every call,
// by what OAuth2Client.verifyIdToken does after it has fetched Google's keys; they
// come from another key server here. No certificate is verified, nothing is logged.
'use strict';
const crypto = require('crypto');
const functions = require('@google-cloud/functions-framework');
const {OAuth2Client} = require('google-auth-library');

const audience = process.env.CXHOOK_AUDIENCES;
const email = `service-${process.env.CXHOOK_PROJECT_NUMBERS}@gcp-sa-dialogflow.iam.gserviceaccount.com`;
const client = new OAuth2Client();

let keys; // by key id, as PEM; fetched at the first call, once
function fetchKeys() {
  keys ??= fetch(process.env.CXHOOK_KEYS_URL).then(async res => {
    if (!res.ok) throw new Error(`keys: ${res.status}`);
    const byID = {};
    for (const key of (await res.json()).keys) {
      byID[key.kid] = crypto.createPublicKey({key, format: 'jwk'}).export({type: 'spki', format: 'pem'});
    }
    return byID;
  });
  return keys;
}

async function verified(authorization) {
  if (!authorization?.startsWith('Bearer ')) return false;
  try {
    const ticket = await client.verifySignedJwtWithCertsAsync(authorization.slice(7), await fetchKeys(), audience, ['https://accounts.google.com']);
    const payload = ticket.getPayload();
    return payload.email === email && payload.email_verified === true;
  } catch {
    return false;
  }
}

const sizes = ['small', 'medium', 'large'];

functions.http('Webhook', async (req, res) => {
  if (!(await verified(req.headers.authorization))) return res.status(401).send('Unauthorized');
  const call = req.body;
  const {color, size} = call.sessionInfo?.parameters ?? {};
  if (call.fulfillmentInfo?.tag !== 'confirm' || !color || !sizes.includes(size)) return res.status(400).send('Bad Request');
  const parts = [call.sessionInfo.session, call.detectIntentResponseId, 'confirm', call.pageInfo.currentPage, 'text', call.text];
  const id = crypto.createHash('sha256').update(parts.map(part => `${Buffer.byteLength(part)}:${part}`).join('')).digest('hex').slice(0, 8);
  res.json({
    fulfillmentResponse: {messages: [{text: {text: [`Thank you! One ${size}, ${color} shirt is on its way to you.`]}}]},
    sessionInfo: {parameters: {order: {id, color, size}}},
  });
});
