# shellcheck shell=bash
# The agent's side: one call through the whole path from a throwaway agent, then the
# settings of the agent itself. gcloud has no commands for Dialogflow CX.

tell() { # METHOD PATH [FILE]: a change by REST, as change; the answer is in live
  local url=$dialogflow/$2
  show curl --request "$1" "$url" ${3:+--data-binary "@$3"}
  case $mode in
    apply) rest "$1" "$url" ${3:+"$3"} || die "$1 $url: there is none" ;;
    verify) findings=$((findings + 1)) ;;
  esac
}

# test_call makes an agent beside the real one, with the same webhook settings and
# client certificate, has it call once, and reads in the function's log what became of
# it. No handler has the tag: the call is proved when the function looks for one.
test_call() {
  step 'The whole path: one call from a throwaway agent, before the real one is pointed here'
  local parent=projects/$agent_project/locations/$agent_location tag name=$NAME-setup since
  tag=setup-$RANDOM$RANDOM
  if [ "$mode" = plan ] || [ "$mode" = verify ]; then
    say "makes agent $name in $parent with the webhook $WEBHOOK_URL, calls detectIntent, reads the function's log, deletes the agent"
    return 0
  fi
  found "$dialogflow/$parent/agents?pageSize=1000" || true
  for test_agent in $(jq -r --arg name "$name" '.agents[]? | select(.displayName == $name).name' "$live"); do
    dismiss # left by a run that was killed
  done
  local base='{}'
  if [ "$TRUST" != google ]; then
    render agent.yaml
    base=$(cat "$work/agent.yaml")
  fi
  jq --arg name "$name" '. + {displayName: $name, defaultLanguageCode: "en", timeZone: "Etc/UTC"}' <<<"$base" >"$work/test-agent.json"
  rest POST "$dialogflow/$parent/agents" "$work/test-agent.json" || die "no location $parent"
  test_agent=$(jq -r .name "$live") # deleted at the end, whatever happens: finish
  local flow
  flow=$(jq -r .startFlow "$live")
  WEBHOOK=$name render webhook.yaml
  rest POST "$dialogflow/$test_agent/webhooks" "$work/webhook.yaml" || die 'the throwaway agent is gone'
  jq --arg event "$name" --arg tag "$tag" '{eventHandlers: [{event: $event, triggerFulfillment: {webhook: .name, tag: $tag}}]}' "$live" >"$work/flow.json"
  rest PATCH "$dialogflow/$flow?updateMask=eventHandlers" "$work/flow.json" || die 'the throwaway agent is gone'
  since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  jq -n --arg event "$name" '{queryInput: {event: {event: $event}, languageCode: "en"}}' >"$work/event.json"
  rest POST "$dialogflow/$test_agent/sessions/setup:detectIntent" "$work/event.json" || die 'the throwaway agent is gone'
  jq -c '.queryResult.webhookStatuses // []' "$live" >"$work/statuses"
  local filter="resource.type=\"cloud_run_revision\" resource.labels.service_name=\"$NAME\" timestamp>=\"$since\" (labels.tag=\"$tag\" OR labels.outcome=\"refused\")"
  refusals=0
  WAIT=$((WAIT < 120 ? WAIT : 120)) until_true "the function's log" proved "$filter" ||
    die "the function saw no call. Dialogflow says: $(cat "$work/statuses"). Does $HOST resolve to ${ADDRESS:-the balancer}? A strict balancer refuses without a line here: MTLS=lenient shows why"
  verdict
}

dismiss() { # deletes the throwaway agent, if there is one
  local name=${test_agent-}
  test_agent=''
  [ -z "$name" ] || rest DELETE "$dialogflow/$name" || true
}

# proved reads the log: true if the call has proved itself, or if there are refusals
# and nothing better comes. The first of them may be strangers': they knock all day.
proved() { # FILTER
  gcloud logging read "$1" --order=asc --limit=50 --format=json >"$work/log.json" || die 'the log cannot be read'
  # Only a call that has proved itself comes as far as its tag, the agents that may call and the session token.
  proof=$(jq -r '[.[] | select(.labels.outcome != "refused" or (.labels.reason | IN("agent_not_allowed", "session_token_missing")))][0]
    | if . then .labels.reason // .labels.outcome else "" end' "$work/log.json")
  [ -n "$proof" ] || { jq -e 'length > 0' "$work/log.json" >/dev/null && [ $((refusals += 1)) -gt 3 ]; }
}

verdict() {
  if [ -n "$proof" ]; then
    dismiss
    rm -f .unproved
    say "proved: the call came through ($proof)"
    return 0
  fi
  # A refusal of the token is no stranger's: only a caller with the certificate comes so far.
  jq -r '([.[] | select(.jsonPayload.refusal.station == "token")][-1] // .[-1]) | .jsonPayload as $p | $p.refusal as $r | ($r.presented // $r.unverified_presented // "nothing") as $seen
    | "    refused: \(.labels.reason)",
      "    presented: \($seen)",
      "    expected: \($r.expected // "")",
      "    \($r.hint // $p.error // "")",
      ( { token_wrong_audience: "the audience, exactly: CXHOOK_AUDIENCES=\($seen)",
          token_wrong_email: "the caller: CXHOOK_PROJECT_NUMBERS=\($seen | capture("service-(?<n>[0-9]+)@").n? // "?")",
          cert_identity_unknown: "the subject seen: CXHOOK_IDENTITIES=custom, CXHOOK_CUSTOM_CN=\($seen)"
        }[.labels.reason] // empty | "    to paste, if that is your agent: " + .)' "$work/log.json"
  die 'the function refused the call; docs/operations.md has every reason. What was just changed may take an hour to spread'
}

# agent points the real agent here, if WEBHOOK names its webhook resource.
agent() {
  if [ -z "$WEBHOOK" ]; then
    [ "$mode" = verify ] || say 'The agent is left alone: WEBHOOK is not set.'
    return 0
  fi
  step "The agent: its webhook $WEBHOOK${CLIENT_CERTIFICATE:+, and the client certificate of your CA}"
  local resource
  certified || tell PATCH "$AGENT?updateMask=clientCertificateSettings" "$work/agent.yaml"
  if pointed; then return 0; fi
  resource=$(jq -r '.name // ""' "$live")
  if [ -z "$resource" ]; then
    tell POST "$AGENT/webhooks" "$work/webhook.yaml"
  else # a mask, so that request headers and whatever else the agent's editor has set there stay
    tell PATCH "$resource?updateMask=timeout,genericWebService.uri,genericWebService.serviceAgentAuth,genericWebService.allowedCaCerts" "$work/webhook.yaml"
  fi
}

certified() { # whether the agent presents the certificate that it should, if one is configured
  [ "$TRUST" != google ] || return 0
  render agent.yaml
  found "$dialogflow/$AGENT" || [ "$mode" = plan ] || die "no agent $AGENT"
  local difference
  difference=$(different "$work/agent.yaml") || die 'agent.yaml cannot be compared'
  [ -z "$difference" ]
}

pointed() { # the agent's webhook, into live: whether it is there and as it should be
  [ -n "$WEBHOOK" ] || return 1
  render webhook.yaml
  found "$dialogflow/$AGENT/webhooks?pageSize=1000" || [ "$mode" = plan ] || die "no agent $AGENT"
  jq --arg name "$WEBHOOK" '[.webhooks[]? | select(.displayName == $name)][0] // {}' "$live" >"$work/found.json"
  cp "$work/found.json" "$live"
  local difference
  difference=$(different "$work/webhook.yaml") || die 'webhook.yaml cannot be compared'
  [ -z "$difference" ]
}
