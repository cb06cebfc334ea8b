#!/usr/bin/env bash
# Builds the tickerplant's images with the engine that answers: `build.sh`. BASE_IMAGE names another base.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

base=${BASE_IMAGE:-python:3.11-slim}
if ! docker image inspect "$base" >/dev/null 2>&1 && ! docker pull -q "$base" >/dev/null 2>&1; then
  [ -z "${BASE_IMAGE:-}" ] || { echo "images: $base is not here and cannot be pulled" >&2; exit 2; }
  base=tickproof-base:local
  echo "images: no registry gives python:3.11-slim, so a base of Debian's packages takes its place"
  docker image inspect "$base" >/dev/null 2>&1 || "$here/base.sh" "$base"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for pair in services:tickerplant broker:tickerplant-broker; do
  image=${pair#*:}:${TICKERPLANT_TAG:-latest}
  echo "images: building $image (some minutes the first time)"
  DOCKER_BUILDKIT=0 docker build --build-arg BASE_IMAGE="$base" --target "${pair%%:*}" -t "$image" \
    -f tickerplant/Dockerfile . > "$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
done
