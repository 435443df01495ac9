#!/usr/bin/env bash
# Makes everything around the function: docs/deploy.md.
#
#   deploy/setup.sh [plan]      prints the commands; asks nothing, needs no account
#   deploy/setup.sh apply       makes what is missing, changes what differs, tries the whole path
#   deploy/setup.sh verify      reads what is there and compares; changes nothing; 1 if anything differs
#   deploy/setup.sh call        tries the whole path again, with one call from a throwaway agent
#   deploy/setup.sh destroy     deletes it, but for the function, the secrets and the agent
#   deploy/setup.sh render DIR  writes the files as they are imported, without the edge secret
#
# Settings: config.env.example. Needs bash 4.4, gcloud, curl and jq. It may be stopped
# anywhere and run again: each step looks first.
set -euo pipefail
umask 077 # a rendered file holds the edge secret

mode=${1:-plan}
case $mode in
  plan | apply | verify | call | destroy) [ $# -le 1 ] || mode=usage ;;
  render) [ $# = 2 ] || mode=usage ;;
  *) mode=usage ;;
esac
if [ "$mode" = usage ]; then
  sed -n '/^#  /s/^# *//p' "$0" >&2
  exit 2
fi
target=${2-}
[ -z "$target" ] || [ "${target#/}" != "$target" ] || target=$PWD/$target
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "setup.sh: bash $BASH_VERSION is too old; want 4.4" >&2; exit 2; }
tools=(jq)
[ "$mode" = plan ] || [ "$mode" = render ] || tools+=(gcloud curl)
for tool in "${tools[@]}"; do
  command -v "$tool" >/dev/null || { echo "setup.sh: $tool is not installed" >&2; exit 2; }
done

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'finish' EXIT
finish() {
  [ -z "${test_agent:-}" ] || (dismiss) || true
  rm -rf "$work" # with the edge secret in it
}
. ./config.sh
configure
export CLOUDSDK_CORE_PROJECT=$PROJECT CLOUDSDK_CORE_DISABLE_PROMPTS=1
. ./resource.sh
. ./monitoring.sh
. ./agent.sh

# --- The steps, in order -------------------------------------------------------------

apis() {
  step 'APIs'
  local names='' missing api
  local wanted=(run cloudbuild artifactregistry compute certificatemanager networksecurity secretmanager iam cloudresourcemanager logging monitoring dialogflow)
  for api in "${wanted[@]}"; do names+="&names=projects/$PROJECT/services/$api.googleapis.com"; done
  found "https://serviceusage.googleapis.com/v1/projects/$PROJECT/services:batchGet?${names#&}" || true
  read -ra missing < <(jq -r '[.services[]? | select(.state == "ENABLED").name | split("/")[-1]] as $on
    | [$ARGS.positional[] + ".googleapis.com"] - $on | join(" ")' "$live" --args "${wanted[@]}")
  [ ${#missing[@]} = 0 ] || change gcloud services enable "${missing[@]}"
}

numbers() { # of the projects: read, not made
  project_number=PROJECT_NUMBER agent_number=AGENT_PROJECT_NUMBER
  [ "$mode" != plan ] || return 0
  found "$projects/$PROJECT" || die "no project $PROJECT, or none that you may see"
  project_number=$(jq -r .projectNumber "$live")
  found "$projects/$agent_project" || die "no project $agent_project, or none that you may see"
  agent_number=$(jq -r .projectNumber "$live")
  dialogflow_agent=service-$agent_number@gcp-sa-dialogflow.iam.gserviceaccount.com
}

accounts() {
  step "Service accounts: $NAME-run for the function, without any role in the project; $NAME-build for Cloud Build"
  made '' "$iam/$run_account" gcloud iam service-accounts create "$NAME-run" --display-name='the webhook function'
  made '' "$iam/$build_account" gcloud iam service-accounts create "$NAME-build" --display-name='builds and deploys the webhook function'
  # run.admin, since the build turns the invoker check off; the others are what a deployment from source needs.
  policy_of "$projects/$PROJECT" POST
  for role in run.admin run.sourceDeveloper run.builder serviceusage.serviceUsageConsumer; do
    granted "serviceAccount:$build_account" "roles/$role" gcloud projects add-iam-policy-binding "$PROJECT"
  done
  for account in "$run_account" "$build_account"; do # it deploys as the one, and its inner build runs as itself
    policy_of "$iam/$account" POST
    granted "serviceAccount:$build_account" roles/iam.serviceAccountUser gcloud iam service-accounts add-iam-policy-binding "$account"
  done
}

secret() {
  step 'Edge secret: only the balancer and the function know it'
  head -c 32 /dev/urandom | base64 | tr -d '\n' >"$work/edge-secret"
  made '' "$secrets/$NAME-edge" gcloud secrets create "$NAME-edge" --replication-policy=automatic
  # Versions but the first are made by hand: docs/deploy.md, Rotations.
  if [ "$EDGE_SECRET_VERSION" = 1 ] || [ "$mode" = plan ]; then
    made '' "$secrets/$NAME-edge/versions/1" gcloud secrets versions add "$NAME-edge" --data-file="$work/edge-secret"
  fi
  policy_of "$secrets/$NAME-edge"
  granted "serviceAccount:$run_account" roles/secretmanager.secretAccessor gcloud secrets add-iam-policy-binding "$NAME-edge"
  if [ "$TRUST" != google ]; then
    step 'Your CA, as a file for the function; the key of the agent, for Dialogflow alone'
    made '' "$secrets/$NAME-ca" gcloud secrets create "$NAME-ca" --replication-policy=automatic
    made '' "$secrets/$NAME-ca/versions/1" gcloud secrets versions add "$NAME-ca" --data-file="$CUSTOM_CA_FILE"
    policy_of "$secrets/$NAME-ca"
    granted "serviceAccount:$run_account" roles/secretmanager.secretAccessor gcloud secrets add-iam-policy-binding "$NAME-ca"
    local key=${CLIENT_KEY_SECRET%/versions/*}
    policy_of "https://secretmanager.googleapis.com/v1/$key"
    granted "serviceAccount:${dialogflow_agent:-DIALOGFLOW_SERVICE_AGENT}" roles/secretmanager.secretAccessor gcloud secrets add-iam-policy-binding "$key"
  fi
}

address() {
  step "Address: $HOST points to it"
  made '' "$compute/global/addresses/$NAME" gcloud compute addresses create "$NAME" --global --ip-version=IPV4
  ADDRESS=ADDRESS
  if found "$compute/global/addresses/$NAME"; then ADDRESS=$(jq -r .address "$live"); fi
  export ADDRESS
  say "DNS: $HOST. A $ADDRESS"
}

certificate() {
  step 'Server certificate: proved by DNS, so that it is there before any call and renewed behind a strict policy'
  jq -n '{domain: env.HOST}' >"$work/authorization"
  jq -n '{managed: {domains: [env.HOST]}}' >"$work/certificate"
  jq -n --arg name "projects/$PROJECT/locations/global/certificates/${CERTIFICATE:-$NAME}" '{hostname: env.HOST, certificates: [$name]}' >"$work/entry"
  if [ -z "$CERTIFICATE" ]; then
    made authorization "$certificates/dnsAuthorizations/$NAME" gcloud certificate-manager dns-authorizations create "$NAME" --domain="$HOST"
    if found "$certificates/dnsAuthorizations/$NAME"; then
      say "DNS: $(jq -r '.dnsResourceRecord | "\(.name) \(.type) \(.data)"' "$live")"
    fi
    made certificate "$certificates/certificates/$NAME" gcloud certificate-manager certificates create "$NAME" --domains="$HOST" --dns-authorizations="$NAME"
  fi
  made '' "$certificates/certificateMaps/$NAME" gcloud certificate-manager maps create "$NAME"
  made entry "$certificates/certificateMaps/$NAME/certificateMapEntries/$NAME" \
    gcloud certificate-manager maps entries create "$NAME" --map="$NAME" --hostname="$HOST" --certificates="${CERTIFICATE:-$NAME}"
}

render_trust_config() {
  case $TRUST in
    both)
      render trust-config-google.yaml
      render trust-config-custom.yaml
      jq --slurpfile own "$work/trust-config-custom.yaml" '.trustStores[0].trustAnchors += $own[0].trustStores[0].trustAnchors' \
        "$work/trust-config-google.yaml" >"$work/trust-config-both.yaml"
      ;;
    *) render "trust-config-$TRUST.yaml" ;;
  esac
}

client_certificates() {
  step "Client certificates: whose are trusted ($TRUST), and what becomes of others ($MTLS)"
  render_trust_config
  imported "trust-config-$TRUST.yaml" "$certificates/trustConfigs/$NAME-$TRUST" 'certificate-manager trust-configs' "$NAME-$TRUST" --location=global
  render server-tls-policy.yaml
  if found "$security/serverTlsPolicies/$POLICY"; then
    made server-tls-policy.yaml "$security/serverTlsPolicies/$POLICY" false # it cannot be changed
  else
    imported server-tls-policy.yaml "$security/serverTlsPolicies/$POLICY" 'network-security server-tls-policies' "$POLICY" --location=global
  fi
}

backend() {
  step 'Backend: the function, by its Cloud Run service; 14 headers of the client certificate and the edge secret'
  render network-endpoint-group.yaml
  made network-endpoint-group.yaml "$compute/regions/$REGION/networkEndpointGroups/$NAME" \
    gcloud compute network-endpoint-groups create "$NAME" --region="$REGION" --network-endpoint-type=serverless --cloud-run-service="$NAME"
  echo '{"payload": {"data": ""}}' >"$live"
  if [ "$mode" != plan ] && ! rest GET "$secrets/$NAME-edge/versions/$EDGE_SECRET_VERSION:access"; then
    [ "$mode" = verify ] || die "secret $NAME-edge has no version $EDGE_SECRET_VERSION"
    echo '{"payload": {"data": ""}}' >"$live"
  fi
  HEADERS=$(jq -c --argjson headers "$HEADERS" '$headers + ["X-Cxhook-Edge:" + (.payload.data | @base64d)]' "$live") render backend-service.yaml
  imported backend-service.yaml "$compute/global/backendServices/$NAME" 'compute backend-services' "$NAME" --global
}

armor() {
  [ "$CLOUD_ARMOR" = true ] || return 0
  step 'Cloud Armor: refuse at the edge what Dialogflow never sends'
  local policy=https://www.googleapis.com/compute/v1/projects/$PROJECT/global/securityPolicies/$NAME
  render security-policy.yaml
  settled "$work/security-policy.yaml" "$compute/global/securityPolicies/$NAME" 'compute security-policies' create import "$NAME" --file-name="$work/security-policy.yaml"
  jq -n --arg policy "$policy" '{securityPolicy: $policy}' >"$work/attached"
  settled "$work/attached" "$compute/global/backendServices/$NAME" 'compute backend-services' update update "$NAME" --global --security-policy="$NAME"
}

frontend() {
  step 'Front: URL map, proxy with the policy, port 443; nothing listens on port 80'
  for file in url-map.yaml target-https-proxy.yaml forwarding-rule.yaml; do render "$file"; done
  imported url-map.yaml "$compute/global/urlMaps/$NAME" 'compute url-maps' "$NAME" --global
  imported target-https-proxy.yaml "$compute/global/targetHttpsProxies/$NAME" 'compute target-https-proxies' "$NAME" --global
  local url=$compute/global/forwardingRules/$NAME
  if found "$url"; then
    made forwarding-rule.yaml "$url" false # gcloud cannot change it
  else
    imported forwarding-rule.yaml "$url" 'compute forwarding-rules' "$NAME" --global
  fi
}

function_settings() {
  step 'Function: reached through the balancer alone, and its own judge of tokens'
  local flags=() mounted="CXHOOK_EDGE_SECRET=$NAME-edge:$EDGE_SECRET_VERSION" settings=''
  if [ "$NAME" != cxhook ]; then settings+="|_SERVICE=$NAME|_SERVICE_ACCOUNT=$NAME-run|_BUILD_SERVICE_ACCOUNT=$NAME-build"; fi
  if [ "$REGION" != europe-west1 ]; then settings+="|_REGION=$REGION"; fi
  if [ "$TRUST" != google ]; then
    local identities=custom
    [ "$TRUST" = custom ] || identities=google,google-legacy,custom
    mounted+=",/secrets/ca.pem=$NAME-ca:1"
    settings+="|_SETTINGS=CXHOOK_IDENTITIES=$identities;CXHOOK_CUSTOM_CA_FILE=/secrets/ca.pem;CXHOOK_CUSTOM_CN=$CUSTOM_CN"
  fi
  if [ "$mounted" != CXHOOK_EDGE_SECRET=cxhook-edge:1 ]; then settings+="|_SECRETS=$mounted"; fi
  local build=(gcloud builds submit .. --config=../cloudbuild.yaml
    --substitutions="^|^_AUDIENCES=$WEBHOOK_URL|_PROJECT_NUMBERS=$agent_number$settings")
  if [ "$mode" = plan ]; then
    say 'the build deploys it; if it is not there, apply stops here and prints this:'
    show "${build[@]}"
  elif ! found "$run"; then
    show "${build[@]}"
    [ "$mode" != verify ] || { findings=$((findings + 1)); return 0; }
    die 'the function is not deployed: run this command in deploy/, then setup.sh again'
  fi
  # A deployment by other means than cloudbuild.yaml loses these. gcloud writes "True".
  want() { jq -e --arg url "$WEBHOOK_URL" ".metadata.annotations | $1" "$live" >/dev/null || flags+=("$2"); }
  want '."run.googleapis.com/ingress" == "internal-and-cloud-load-balancing"' --ingress=internal-and-cloud-load-balancing
  want '."run.googleapis.com/default-url-disabled" // "" | ascii_downcase == "true"' --no-default-url
  want '."run.googleapis.com/invoker-iam-disabled" // "" | ascii_downcase == "true"' --no-invoker-iam-check
  # shellcheck disable=SC2016 # $url is jq's
  want '."run.googleapis.com/custom-audiences" // "[]" | fromjson | index($url)' --add-custom-audiences="$WEBHOOK_URL"
  [ ${#flags[@]} = 0 ] ||
    changed "differs: ${flags[*]%%=*}" gcloud beta run services update "$NAME" --region="$REGION" "${flags[@]}" # beta has --no-default-url
}

certificate_ready() { found "$certificates/certificates/$NAME" && jq -e '.managed.state == "ACTIVE"' "$live" >/dev/null; }

# front_ready asks the balancer as a stranger does, at its address, whatever DNS says:
# it must ask for a client certificate, and then the function refuses (lenient) or the
# balancer ends the connection (strict).
front_ready() {
  local status
  status=$(curl --verbose --silent --max-time 10 --resolve "$HOST:443:$ADDRESS" --header 'Content-Type: application/json' --data '{}' \
    --output /dev/null --write-out '%{http_code}' "$WEBHOOK_URL" 2>"$work/handshake") || true
  grep -q 'Request CERT' "$work/handshake" && case $MTLS in lenient) [ "$status" = 403 ] ;; strict) [ "$status" = 000 ] ;; esac
}

ready() {
  step "Ready: the certificate is issued; the balancer asks for client certificates and is $MTLS about them"
  [ "$mode" != plan ] || { say 'asks until it is so'; return 0; }
  [ "$mode" != verify ] || WAIT=0
  [ -n "$CERTIFICATE" ] || until_true 'the server certificate' certificate_ready || unready 'the server certificate is not issued: set the DNS records of the steps above'
  until_true "the balancer to be $MTLS" front_ready || unready "the balancer is not $MTLS yet: $(tail -n 1 "$work/handshake")"
  authenticate # the first token may have ended
}

# unproved: whether the path as it is has been tried. It has if nothing was changed
# since the last trial, and there is nothing left to be done after one.
unproved() {
  other_policies
  [ "$mode" != apply ] || [ -e .unproved ] || [ ${#old[@]} -gt 0 ] || ! certified || ! pointed
}

unready() {
  [ "$mode" = verify ] || die "$1"
  say "$1"
  findings=$((findings + 1))
}

other_policies() { # into old: those of ours that the proxy has no more
  found "$security/serverTlsPolicies?pageSize=1000" || true
  read -ra old < <(jq -r --arg name "$NAME" --arg now "$POLICY" '[.serverTlsPolicies[]?.name | split("/")[-1]
    | select(test("^" + $name + "-(lenient|strict)-(google|both|custom)$") and . != $now)] | join(" ")' "$live")
}

old_policies() {
  step 'Policies that the proxy has no more: deleted last, so that the way back is short'
  [ "$mode" != plan ] || { say "$NAME-…, if there are any"; return 0; }
  local policy
  other_policies
  for policy in "${old[@]}"; do
    change gcloud network-security server-tls-policies delete "$policy" --location=global --quiet
  done
}

destroy() {
  step 'The way in'
  gone "$compute/global/forwardingRules/$NAME" gcloud compute forwarding-rules delete "$NAME" --global
  gone "$compute/global/targetHttpsProxies/$NAME" gcloud compute target-https-proxies delete "$NAME" --global
  gone "$compute/global/urlMaps/$NAME" gcloud compute url-maps delete "$NAME" --global
  gone "$compute/global/backendServices/$NAME" gcloud compute backend-services delete "$NAME" --global
  gone "$compute/global/securityPolicies/$NAME" gcloud compute security-policies delete "$NAME"
  gone "$compute/regions/$REGION/networkEndpointGroups/$NAME" gcloud compute network-endpoint-groups delete "$NAME" --region="$REGION"
  step 'Certificates and policies'
  gone "$certificates/certificateMaps/$NAME/certificateMapEntries/$NAME" gcloud certificate-manager maps entries delete "$NAME" --map="$NAME"
  gone "$certificates/certificateMaps/$NAME" gcloud certificate-manager maps delete "$NAME"
  gone "$certificates/certificates/$NAME" gcloud certificate-manager certificates delete "$NAME"
  gone "$certificates/dnsAuthorizations/$NAME" gcloud certificate-manager dns-authorizations delete "$NAME"
  local how whose
  for whose in google both custom; do
    for how in lenient strict; do
      gone "$security/serverTlsPolicies/$NAME-$how-$whose" gcloud network-security server-tls-policies delete "$NAME-$how-$whose" --location=global
    done
    gone "$certificates/trustConfigs/$NAME-$whose" gcloud certificate-manager trust-configs delete "$NAME-$whose" --location=global
  done
  gone "$compute/global/addresses/$NAME" gcloud compute addresses delete "$NAME" --global
  step 'Left'
  say "the function, the secrets $NAME-edge and $NAME-ca, the service accounts, monitoring, the APIs, DNS and the agent's webhook"
}

# --- What is asked for ---------------------------------------------------------------

case $mode in
  render)
    mkdir -p "$target"
    ADDRESS=192.0.2.1 HEADERS=$(jq -c '. + ["X-Cxhook-Edge:the-edge-secret"]' <<<"$HEADERS")
    export ADDRESS HEADERS WEBHOOK=${WEBHOOK:-$NAME}
    for file in *.yaml; do
      case $file in
        trust-config-*) continue ;;
        agent.yaml) [ "$TRUST" != google ] || continue ;;
      esac
      render "$file"
      cp "$work/$file" "$target/"
    done
    render_trust_config
    cp "$work/trust-config-$TRUST.yaml" "$target/"
    ;;
  destroy)
    authenticate
    destroy
    ;;
  call)
    authenticate
    numbers
    test_call
    ;;
  *)
    if [ "$mode" = plan ]; then
      echo 'What a project without any of it gets; nothing is asked. The files are those of deploy/, as setup.sh render DIR writes them.'
      echo "export CLOUDSDK_CORE_PROJECT=$PROJECT"
    else
      authenticate
    fi
    apis
    numbers
    accounts
    secret
    address
    certificate
    client_certificates
    backend
    armor
    frontend
    function_settings
    monitoring
    ready
    if unproved; then test_call; else say 'Nothing has changed and the agent is pointed here: no call is made. setup.sh call makes one.'; fi
    agent
    old_policies
    if [ $findings -gt 0 ]; then
      printf '\nsetup.sh: %d differences; apply makes them good\n' "$findings" >&2
      exit 1
    fi
    [ "$mode" = plan ] || printf '\neverything is as it should be\n'
    ;;
esac
