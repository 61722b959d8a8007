# shellcheck shell=bash
# Sourced by install, up and down: where things lie, and who PostgreSQL runs as (never root).

base=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}
AS=()
if [ "$(id -u)" = 0 ]; then
  base=/var/cache # reachable for nobody, which root's home is not
  AS=(setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs env HOME=/nonexistent)
fi
HOME_FOLDER=${TWIN_TIMESCALE:-$base/pur-mold-twin/timescale}
BIN=$HOME_FOLDER/programs/bin
CLUSTER=${1:-$HOME_FOLDER/cluster}
DATA=$CLUSTER/data

say() { printf 'timescale: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

as() { (cd / && exec "${AS[@]}" "$@"); }

port() { as sed -n 's/^port = //p' "$CLUSTER/twin.conf" 2>/dev/null || true; }

# A killed server lingers for a moment: wait for "answers" or "gone".
running() {
  local _
  for _ in $(seq 120); do
    as "$BIN/pg_ctl" -D "$DATA" status >/dev/null 2>&1 || return 1
    if "$BIN/pg_isready" -q -h 127.0.0.1 -p "$(port)"; then return 0; fi
    sleep 0.25
  done
  die "the server neither answers nor ends; see $CLUSTER/postgres.log"
}
