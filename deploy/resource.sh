# shellcheck shell=bash
# How setup.sh reads, compares and changes. What exists is read over REST, where an
# answer says plainly whether a thing is missing or may not be seen; every change is
# a command that is shown first.

compute=https://compute.googleapis.com/compute/v1/projects/$PROJECT
certificates=https://certificatemanager.googleapis.com/v1/projects/$PROJECT/locations/global
security=https://networksecurity.googleapis.com/v1/projects/$PROJECT/locations/global
iam=https://iam.googleapis.com/v1/projects/$PROJECT/serviceAccounts
secrets=https://secretmanager.googleapis.com/v1/projects/$PROJECT/secrets
projects=https://cloudresourcemanager.googleapis.com/v1/projects
run=https://$REGION-run.googleapis.com/apis/serving.knative.dev/v1/namespaces/$PROJECT/services/$NAME

steps=0 step='' findings=0
live=$work/live.json # what was read last

step() {
  step=$1
  printf '\n%2d. %s\n' $((++steps)) "$step"
}

say() { printf '    %s\n' "$*"; }

die() {
  printf 'setup.sh: stopped at "%s": %s\nsetup.sh: what is done stays done; run it again to go on from here\n' "$step" "$*" >&2
  exit 1
}

authenticate() { # the token stays out of command lines: curl reads it from a file
  local token
  token=$(gcloud auth print-access-token) || die 'gcloud has no credentials: gcloud auth login'
  printf 'header = "Authorization: Bearer %s"\nheader = "x-goog-user-project: %s"\nheader = "Content-Type: application/json"\n' "$token" "$PROJECT" >"$work/curl"
}

rest() { # METHOD URL [FILE]: into live; false if the resource is missing
  local status body=()
  case $1:${3-} in
    POST:) body=(--data-binary '{}') ;; # Google answers 411 to a POST without a length
    *:?*) body=(--data-binary "@$3") ;;
  esac
  status=$(curl --silent --show-error --max-time 60 --config "$work/curl" --request "$1" "${body[@]}" --output "$live" --write-out '%{http_code}' "$2") ||
    die "$1 $2: no answer"
  case $status in
    2??) ;;
    404) return 1 ;;
    *) die "$1 $2: $status: $(jq -r '.error.message? // .' "$live" 2>/dev/null || head -c 300 "$live")" ;;
  esac
}

found() { # URL: into live; false if it is missing. A plan asks nothing, and finds nothing
  echo '{}' >"$live"
  [ "$mode" != plan ] && rest GET "$1"
}

policy_of() { # URL [METHOD]: the IAM policy of a resource into live; of a missing one, none
  [ "$mode" != plan ] && rest "${2:-GET}" "$1:getIamPolicy" || echo '{}' >"$live"
}

render() { # FILE: into $work, with the settings in place of ${NAME}, and lists for ${each NAME}
  grep -v '^ *#' "$1" | jq '
    def value: env[.] // error("no value for ${" + . + "}");
    walk(
      if type == "string" then gsub("\\$\\{(?<n>[A-Z_]+)\\}"; .n | value)
      elif type == "array" and (.[0] | tostring | test("\\$\\{each [A-Z_]+\\}")) then
        .[0] as $item | ($item | tostring | capture("\\$\\{each (?<n>[A-Z_]+)\\}").n | value | fromjson)
        | map(. as $v | $item | walk(if type == "string" and startswith("${each ") then $v else . end))
      else . end)' >"$work/$1" || die "$1 cannot be rendered"
}

different() { # FILE: where the live resource is not what the file says, one place a line; values are not shown, some are secret
  jq -r --arg number "projects/${project_number:-}/" --arg id "projects/$PROJECT/" --slurpfile want "$1" '
    # One thing is written in several ways: a project by number, a host of the API, the line ends of PEM.
    def alike: if type != "string" then . elif startswith("-----BEGIN") then gsub("\\s"; "")
      else sub("^https?://(www|compute)\\.googleapis\\.com/compute/v1/"; "") | sub($number; $id) end;
    def differ($want; $at):
      . as $have
      | if ($want | type) == "object" then
          $want | keys[] | . as $k | ($have | if type == "object" then .[$k] else null end) | differ($want[$k]; $at + [$k])
        elif ($want | type) == "array" and ($want | length) == ($have | length) and ($want[0] | type) == "object" then
          range($want | length) as $i | $have[$i] | differ($want[$i]; $at + [$i | tostring])
        elif ($want | type) == "array" and ($want[0] | type) == "string" and ($have | type) == "array" then
          ($want | map(alike)) as $want | ($have | map(alike)) as $have
          | (($want - $have)[] | ($at | join(".")) + ": not as it should be: " + (split(":")[0] | .[:60])),
          (($have - $want)[] | ($at | join(".")) + ": not wanted: " + (split(":")[0] | .[:60]))
        elif ($want | alike) == ($have | alike) or ($want == [] and $have == null) then empty
        else $at | join(".") end;
    differ($want[0]; [])' "$live"
}

show() { # COMMAND…: as it could be pasted
  local word line='   ' quoted
  for word in "$@"; do
    quoted=${word//"$work/"/}
    [[ $quoted =~ ^[-A-Za-z0-9_./:=,@+]+$ ]] || quoted="'$quoted'"
    if [ $((${#line} + ${#quoted})) -gt 118 ]; then
      printf '%s \\\n' "$line"
      line='       '
    fi
    line+=" $quoted"
  done
  printf '%s\n' "$line"
}

change() { # COMMAND…: shown; run by apply and destroy, counted by verify
  show "$@"
  case $mode in
    apply | destroy)
      [ "$mode" = destroy ] || : >.unproved # until a call has gone through: unproved
      "$@" >"$work/output" 2>&1 || die "$(cat "$work/output")"
      ;;
    verify) findings=$((findings + 1)) ;;
  esac
}

changed() { # WHY COMMAND…: change, of something that exists
  [ "$mode" = plan ] || say "$1"
  shift
  change "$@"
}

settled() { # FILE URL GROUP CREATE UPDATE ARGUMENT…: gcloud GROUP with the one verb or the other, unless the resource is as FILE says
  local file=$1 url=$2 group create=$4 update=$5 difference
  read -ra group <<<"$3"
  shift 5
  if ! found "$url"; then
    change gcloud "${group[@]}" "$create" "$@"
    return
  fi
  difference=$(different "$file") || die "$file cannot be compared"
  if [ -n "$difference" ]; then
    changed "differs: ${difference//$'\n'/$'\n'    differs: }" gcloud "${group[@]}" "$update" "$@"
  fi
}

imported() { # FILE URL GROUP NAME SCOPE: gcloud GROUP import of the rendered file, unless the resource is as it says
  settled "$work/$1" "$2" "$3" import import "$4" "$5" --quiet --source="$work/$1"
}

made() { # FILE URL COMMAND…: the command, unless the resource is there; FILE says how it must be, and may be empty
  local file=$1 url=$2 difference=''
  shift 2
  if ! found "$url"; then
    change "$@"
    return
  fi
  [ -z "$file" ] || difference=$(different "$work/$file") || die "$file cannot be compared"
  if [ -n "$difference" ]; then
    [ "$mode" = verify ] || die "it exists, is another, and cannot be changed (${difference//$'\n'/; }): delete it, or choose another NAME"
    say "differs: ${difference//$'\n'/; }"
    findings=$((findings + 1))
  fi
}

granted() { # MEMBER ROLE COMMAND…: the command, unless the policy that was read last has the binding
  local member=$1 role=$2
  shift 2
  jq -e --arg member "$member" --arg role "$role" 'any(.bindings[]?; .role == $role and .condition == null and any(.members[]; . == $member))' "$live" >/dev/null ||
    change "$@" --member="$member" --role="$role" --condition=None
}

gone() { # URL COMMAND…: deletes what is there
  local url=$1
  shift
  if found "$url"; then change "$@" --quiet; fi
}

until_true() { # WHAT COMMAND…: asks until it holds, for WAIT seconds
  local what=$1 end=$((SECONDS + WAIT))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    [ -n "${waiting:-}" ] || say "waiting for $what, $WAIT s at most"
    waiting=1
    sleep "${POLL:-15}"
  done
  waiting=''
}
