#!/usr/bin/env bash
# Writes into cloudbuild.yaml which bytes each of its images is today: NAME:TAG becomes NAME:TAG@sha256:…, and a digest that
# is there is looked up anew. Review the difference, then commit it.
# Usage: deploy/pin-builders.sh [FILE]    (needs Go and the registries; changes nothing unless every image is found)
set -eu
CRANE=github.com/google/go-containerregistry/cmd/crane@v0.22.1
file=${1:-$(dirname "$0")/../cloudbuild.yaml}
script=()
while read -r image; do
  name=${image%@*}
  digest=$(go run "$CRANE" digest "$name") || { echo "$name: no digest; $file is as it was" >&2; exit 1; }
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "$name: $digest is no digest; $file is as it was" >&2; exit 1; }
  script+=(-e "s|^\( *name: *\)$image\$|\1$name@$digest|")
  echo "$name@$digest"
done < <(sed -n 's/^ *name: *\([^ ]*\)$/\1/p' "$file" | sort -u)
[ ${#script[@]} -gt 0 ] || { echo "$file: no images in it" >&2; exit 1; }
sed -i "${script[@]}" "$file"
