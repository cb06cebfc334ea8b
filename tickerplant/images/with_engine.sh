#!/usr/bin/env bash
# Runs a command with a Docker engine: the one that answers already, else one of its own, which ends with the command.
#   with_engine.sh COMMAND...
set -euo pipefail

refuse() { echo "docker: $*" >&2; exit 2; }
[ "$#" -gt 0 ] || refuse "usage: with_engine.sh COMMAND..."
if docker version >/dev/null 2>&1; then exec "$@"; fi
[ -z "${DOCKER_HOST:-}" ] || refuse "no engine answers at DOCKER_HOST=$DOCKER_HOST; start it, or unset DOCKER_HOST"
[ "$(id -u)" = 0 ] || refuse "no engine answers; start one (systemctl start docker), or run this as root, which starts one"
if ! command -v dockerd >/dev/null; then
  command -v apt-get >/dev/null || refuse "no engine is installed; install Docker"
  echo "docker: installing the engine"
  DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends docker.io iptables >/dev/null \
    || refuse "the engine could not be installed: apt-get install docker.io"
fi

# Images stay from run to run; the rest is this engine's own.
data=${TICKPROOF_ENGINE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/tickproof/engine}
run=$(mktemp -d)
mkdir -p "$data"
exec 9>"$data/lock"
flock -n 9 || { echo "docker: waiting for another run that uses $data"; flock 9; }
# One whose script was killed runs on: it is ours to end, and nobody else's.
orphan=$(cat "$data/engine.pid" 2>/dev/null || true)
if [ -n "$orphan" ] && tr '\0' ' ' 2>/dev/null < "/proc/$orphan/cmdline" | grep -qF -- "--data-root $data/data"; then
  echo "docker: ending an engine that an earlier run has left behind"
  kill "$orphan"
  for _ in $(seq 150); do kill -0 "$orphan" 2>/dev/null || break; sleep 0.2; done
fi
dockerd --data-root "$data/data" --exec-root "$run/exec" -H "unix://$run/docker.sock" -p "$run/docker.pid" 9>&- \
  > "$data/engine.log" 2>&1 &
engine=$!
echo "$engine" > "$data/engine.pid"
stop() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  rm -rf "$run"
}
trap stop EXIT
trap 'exit 130' INT TERM
export DOCKER_HOST=unix://$run/docker.sock
for _ in $(seq 150); do
  docker version >/dev/null 2>&1 && break
  kill -0 "$engine" 2>/dev/null || { tail -3 "$data/engine.log" >&2; refuse "the engine ended; its words are in $data/engine.log"; }
  sleep 0.2
done
docker version >/dev/null 2>&1 || refuse "the engine does not answer within 30 s; its words are in $data/engine.log"
echo "docker: an engine of our own runs"
"$@" 9>&- &
child=$!
trap 'kill -INT "$child" 2>/dev/null; wait "$child"; exit 130' INT TERM
wait "$child"
