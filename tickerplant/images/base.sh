#!/usr/bin/env bash
# Makes a base image of Debian's own packages, for machines that reach no image registry: `base.sh NAME:TAG`.
# It stands in for python:3.11-slim. Needs root on Debian, and a Docker engine (DOCKER_HOST says which).
set -euo pipefail

tag=${1:?usage: base.sh NAME:TAG}
refuse() { echo "base image: $*" >&2; exit 2; }
[ "$(id -u)" = 0 ] || refuse "must be made as root, or let BASE_IMAGE name one that a registry has"
command -v apt-get >/dev/null || refuse "is made on Debian only; let BASE_IMAGE name one that a registry has"
if ! command -v debootstrap >/dev/null; then
  echo "base image: installing debootstrap"
  DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >/dev/null \
    || refuse "debootstrap could not be installed: apt-get install debootstrap"
fi
docker version >/dev/null 2>&1 || refuse "no Docker engine answers; start one, or set DOCKER_HOST"

# From where apt itself takes its packages, so that a mirror set up on this machine is used here, too.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(CREATED_BY)' | awk '$2 == "main" && $3 == "Packages" {print $1; exit}')
[ -n "$mirror" ] || refuse "apt knows no source of packages; run apt-get update"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
echo "base image: Debian ${VERSION_CODENAME} with Python"
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$VERSION_CODENAME" "$root" "$mirror" \
  > "$root.log" 2>&1 || { tail -5 "$root.log" >&2; refuse "debootstrap failed; all of its words are in $root.log"; }
rm -f "$root.log"
# What this machine trusts, so that pip inside can fetch what pip outside can.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
  --change 'ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt' \
  - "$tag" >/dev/null
echo "base image: $tag is made"
