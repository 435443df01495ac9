# shellcheck shell=bash
# Metrics of the function's log, alerts and a dashboard, of monitoring/.

monitoring() {
  [ -d monitoring ] || return 0
  step 'Monitoring: metrics of the log, alerts, a dashboard'
  local file name
  for file in monitoring/metrics/*.json; do
    name=$(jq -r .name "$file")
    settled "$file" "https://logging.googleapis.com/v2/projects/$PROJECT/metrics/$name" 'logging metrics' create update "$name" --config-from-file="$file"
  done
  displayed alertPolicies v3 'alpha monitoring policies' --policy-from-file monitoring/alerts/*.json
  displayed dashboards v1 'monitoring dashboards' --config-from-file monitoring/dashboard/*.json
}

displayed() { # KIND VERSION GROUP FLAG FILE…: resources that are known by their display name
  local kind=$1 flag=$4 group difference file
  read -ra group <<<"$3"
  found "https://monitoring.googleapis.com/$2/projects/$PROJECT/$kind?pageSize=1000" || true
  cp "$live" "$work/$kind.json"
  shift 4
  for file in "$@"; do
    jq --slurpfile file "$file" --arg kind "$kind" '[.[$kind][]? | select(.displayName == $file[0].displayName)][0]' "$work/$kind.json" >"$live"
    if [ "$(<"$live")" = null ]; then
      change gcloud "${group[@]}" create "$flag=$file"
      continue
    fi
    difference=$(different "$file") || die "$file cannot be compared"
    [ -n "$difference" ] || continue
    # The whole is replaced: what others have set, the channels that an alert goes to, is kept.
    jq --slurpfile file "$file" '{name, etag, notificationChannels} + $file[0] | with_entries(select(.value != null))' "$live" >"$work/${file##*/}"
    changed "differs: ${difference//$'\n'/; }" gcloud "${group[@]}" update "$(jq -r '.name | split("/")[-1]' "$live")" "$flag=$work/${file##*/}"
  done
}
