# shellcheck shell=bash
# The settings of setup.sh: from the environment, else from config.env, else the
# default. Everything that is wrong with them is said at once.

declare -A in_file=()
problems=()

read_config() { # FILE
  local line n=0 name
  while IFS= read -r line || [ -n "$line" ]; do
    n=$((n + 1))
    [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
    if ! [[ $line =~ ^([A-Z_]+)=([^#]*)(#.*)?$ ]]; then
      problems+=("$1:$n: want NAME=value")
      continue
    fi
    name=${BASH_REMATCH[1]} line=${BASH_REMATCH[2]}
    [ -z "${in_file[$name]+set}" ] || problems+=("$1:$n: $name is set twice")
    in_file[$name]=${line%"${line##*[![:space:]]}"}
  done <"$1"
}

setting() { # NAME PATTERN DEFAULT WHAT: with the default "-" it must be set
  local name=$1 value=${in_file[$1]-}
  unset "in_file[$name]"
  value=${!name-$value}
  if [ -z "$value" ] && [ "$3" = - ]; then
    problems+=("$name is not set: $4")
  elif [ -n "$value" ] && ! [[ $value =~ ^($2)$ ]]; then
    problems+=("$name is \"$value\"; want $4")
  fi
  [ -n "$value" ] || value=${3#-}
  printf -v "$name" %s "$value"
  export "${name?}"
}

readable() { # NAME…: settings that name files, each of certificates in PEM
  local name
  for name in "$@"; do
    [ -z "${!name}" ] || grep -qs -e '-----BEGIN CERTIFICATE-----' "${!name}" || problems+=("$name: ${!name}: no PEM certificate to be read there")
  done
}

configure() {
  local item plain='[a-z]([-a-z0-9]{0,18}[a-z0-9])?' file='[^[:space:]]+'
  [ ! -e config.env ] || read_config config.env
  setting PROJECT '[a-z][-a-z0-9]{4,28}[a-z0-9]' - 'the id of a project'
  setting WEBHOOK_URL 'https://[a-z0-9.-]+/[^[:space:]"?#,|]*' - 'https://HOST/PATH, as the agent shall have it'
  setting AGENT 'projects/[^/]+/locations/[^/]+/agents/[^/]+' - 'projects/P/locations/L/agents/A'
  setting NAME "$plain" cxhook 'lower-case letters, digits and hyphens, 20 at most'
  setting REGION '[a-z]+-[a-z]+[0-9]+' europe-west1 'a region, as europe-west1'
  setting MTLS 'lenient|strict' lenient 'lenient or strict'
  setting EDGE_SECRET_VERSION '[1-9][0-9]*' 1 'the number of a version'
  setting CLOUD_ARMOR 'true|false' false 'true or false'
  setting WAIT '[0-9]+' 1200 'seconds'
  setting WEBHOOK '[^"]+' '' 'a display name'
  setting WEBHOOK_TIMEOUT '([1-9]|[12][0-9]|30)s' 5s 'seconds up to 30, as 5s'
  setting TRUST 'google|both|custom' google 'google, both or custom'
  setting CUSTOM_CA_FILE "$file" '' 'a file'
  setting CUSTOM_CN '[^;|=]+' '' 'one common name'
  setting CLIENT_CERTIFICATE_FILE "$file" '' 'a file'
  setting CLIENT_KEY_SECRET 'projects/[^/]+/secrets/[^/]+/versions/[0-9]+' '' 'projects/P/secrets/S/versions/N'
  setting CERTIFICATE "$plain" '' 'a name in Certificate Manager'
  setting SERVER_CA_FILE "$file" '' 'a file'
  for item in "${!in_file[@]}"; do
    problems+=("config.env: $item is no setting")
  done
  readable CUSTOM_CA_FILE CLIENT_CERTIFICATE_FILE SERVER_CA_FILE
  case $TRUST:${CUSTOM_CA_FILE:+1}${CUSTOM_CN:+1}${CLIENT_CERTIFICATE_FILE:+1}${CLIENT_KEY_SECRET:+1} in
    google: | both:1111 | custom:1111) ;;
    google:*) problems+=('TRUST is google: CUSTOM_CA_FILE, CUSTOM_CN, CLIENT_CERTIFICATE_FILE and CLIENT_KEY_SECRET are for both and custom') ;;
    *) problems+=("TRUST is $TRUST: it wants CUSTOM_CA_FILE, CUSTOM_CN, CLIENT_CERTIFICATE_FILE and CLIENT_KEY_SECRET, all of them") ;;
  esac
  if [ ${#problems[@]} -gt 0 ]; then
    printf 'setup.sh: %s\n' "${problems[@]}" >&2
    echo 'setup.sh: settings come from deploy/config.env or the environment; see deploy/config.env.example' >&2
    exit 2
  fi

  # What follows from them.
  HOST=${WEBHOOK_URL#https://} HOST=${HOST%%/*}
  # shellcheck disable=SC2153 # setting NAME sets it
  POLICY=$NAME-$MTLS-$TRUST
  CLIENT_VALIDATION_MODE=ALLOW_INVALID_OR_MISSING_CLIENT_CERT
  [ "$MTLS" = lenient ] || CLIENT_VALIDATION_MODE=REJECT_INVALID
  CUSTOM_CA=$(certificates "$CUSTOM_CA_FILE")
  SERVER_CA=$(certificates "$SERVER_CA_FILE" | jq -c 'map(gsub("-----[A-Z ]+-----|\n"; ""))') # DER in base64
  CLIENT_CERTIFICATE=$([ -z "$CLIENT_CERTIFICATE_FILE" ] || cat "$CLIENT_CERTIFICATE_FILE")
  HEADERS=$(jq -Rcn '[inputs]' headers.txt)
  run_account=$NAME-run@$PROJECT.iam.gserviceaccount.com
  build_account=$NAME-build@$PROJECT.iam.gserviceaccount.com
  IFS=/ read -r _ agent_project _ agent_location _ _ <<<"$AGENT"
  local zone=$agent_location-
  dialogflow=https://${zone#global-}dialogflow.googleapis.com/v3
  export HOST POLICY CLIENT_VALIDATION_MODE CUSTOM_CA SERVER_CA CLIENT_CERTIFICATE HEADERS
}

certificates() { # FILE: its certificates as a JSON list of PEM; of no file, none
  if [ -z "$1" ]; then echo '[]'; else
    jq -Rcsn '[inputs | match("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?"; "gm").string]' "$1"
  fi
}
