# shellcheck shell=bash
# Sourced by ./twin when something is missing; uses its variables and functions.
# Makes .venv/ from requirements.lock and finds, installs or unpacks what that needs.

LOG=$STATE/setup.log
UNFINISHED=$STATE/unfinished # there while .venv/ is being changed: an interrupted set-up is redone

make_environment() ( # a subshell: the lock and the settings end with it
  local python=$VENV/bin/python uv=$VENV/bin/uv
  take_the_lock
  ! ready || exit 0 # another call did it while this one waited
  : >"$LOG"
  get_python
  get_pip
  get_certificates

  if [ -e "$UNFINISHED" ] || [ "$(cat "$VENV/.twin-made-for" 2>&1)" != "$ROOT $PYTHON" ]; then
    rm -rf "$VENV"
  fi
  touch "$UNFINISHED"
  if [ ! -d "$VENV" ]; then
    step "making .venv with $("$PYTHON" --version)" "$PYTHON" -m venv --without-pip "$VENV" || give_up
    printf '%s\n' "$ROOT $PYTHON" >"$VENV/.twin-made-for"
  fi
  uv_settings
  rm -f "$SUNDIALS_STAMP" # not in the lock: the next step removes it
  step "installing uv" env PIP_USER=0 "$python" "$ROOT/deploy/setup/run_pip.py" "$PIP_WHEEL" \
    install --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r "$ROOT/deploy/setup/uv.txt" || give_up
  step "installing the packages of requirements.lock" \
    "$uv" pip sync --python "$python" --no-build --require-hashes "$ROOT/requirements.lock" || give_up
  step "installing the project" \
    "$uv" pip install --python "$python" --no-deps --no-build-isolation --editable "$ROOT" || give_up
  environment >"$STAMP"
  rm -f "$UNFINISHED"
  say "ready"
)

# Mosquitto for the tests. Unpacked even where it could be installed: the package would start and
# enable a broker on port 1883. Without it the tests that need it are skipped (in CI they fail).
get_mosquitto() (
  take_the_lock
  ! have mosquitto mosquitto_sub || exit 0
  : >"$LOG"
  unpack_debs mosquitto mosquitto mosquitto-clients ||
    say "no mosquitto here; a person with rights can run: apt-get install mosquitto mosquitto-clients"
)

# The Mosquitto of each Debian release side by side: what `broker init` writes is tried on all of them.
# Tests of those that cannot be had are skipped (in CI they fail).
get_brokers() (
  take_the_lock
  ! have mosquitto-2.0.11 mosquitto-2.0.21 || exit 0
  : >"$LOG"
  step "unpacking the Mosquitto of other releases of Debian into .twin" \
    "$ROOT/deploy/setup/unpack-brokers" "$STATE/brokers" ||
    say "tests on the releases of Mosquitto that are not here are skipped"
)

# What checks the files of deploy/: promtool, amtool and systemd-analyze. Unpacked for the same reason: the
# package prometheus would start a service. Without them their tests are skipped (in CI they fail).
get_checkers() (
  local packages=()
  take_the_lock
  have promtool || packages+=(prometheus)
  have systemd-analyze || packages+=(systemd)
  : >"$LOG"
  [ ${#packages[@]} -eq 0 ] || unpack_debs checkers "${packages[@]}" ||
    say "no promtool or systemd-analyze here; their packages are prometheus and systemd"
  have amtool || unpack_debs alertmanager prometheus-alertmanager ||
    say "no amtool here; its package is prometheus-alertmanager"
)

# Node-RED, which a benchmark stands beside; without npm that benchmark is skipped.
get_node_red() (
  take_the_lock
  : >"$LOG"
  if ! have npm; then
    say "no npm here: the benchmark beside Node-RED is skipped"
  else
    step "installing Node-RED (npm)" npm install --no-audit --no-fund --no-save --prefix "$STATE/node-red" node-red@4 || true
  fi
)

# node-opcua, a server of OPC UA that is not asyncua's: the gateway is tried on both.
get_node_opcua() (
  take_the_lock
  : >"$LOG"
  have npm || { say "no npm here: the gateway is not tried on node-opcua"; exit 0; }
  step "installing node-opcua (npm)" npm install --no-audit --no-fund --no-save --ignore-scripts \
    --prefix "$STATE/node-opcua" node-opcua@2 || true
)

# strace, with which benchmarks slow a disk down and count synced writes; they are skipped without it.
get_strace() (
  take_the_lock
  : >"$LOG"
  unpack_debs strace strace || say "no strace here; its package is strace"
)

# MariaDB, from which import-logs reads; the package would start and enable a server.
get_mariadb() (
  take_the_lock
  : >"$LOG"
  unpack_debs mariadb mariadb-server-core ||
    say "no mariadbd here: tests of imports from MariaDB are skipped; its package is mariadb-server-core"
)

# Chromium, in which the pages are tested; unpacked also for root, so that nothing of the machine changes.
# Ubuntu has it as a snap only: there the tests are skipped.
get_chromium() (
  take_the_lock
  : >"$LOG"
  unpack_debs chromium chromium libatomic1 && "$STATE/chromium/bin/chromium" --version >>"$LOG" 2>&1 && exit 0
  rm -rf "$STATE/chromium"
  say "no chromium here: tests of the pages in a browser are skipped; its package is chromium"
)

# axe-core, which finds what people cannot use on a page.
get_axe() (
  take_the_lock
  : >"$LOG"
  have npm || { say "no npm here: the pages are not examined by axe-core"; exit 0; }
  step "installing axe-core (npm)" npm install --no-audit --no-fund --no-save --ignore-scripts \
    --prefix "$STATE/axe" axe-core@4 || true
)

# pysparkplug, on which the second Sparkplug host of tests is built: in an environment of its own.
get_pysparkplug() (
  take_the_lock
  : >"$LOG"
  uv_settings
  local folder=$STATE/pysparkplug
  step "making an environment for pysparkplug" "$VENV/bin/uv" venv --quiet --clear --python "$VENV/bin/python" "$folder" &&
    step "installing pysparkplug" "$VENV/bin/uv" pip install --python "$folder/bin/python" --require-hashes \
      --requirements "$ROOT/deploy/setup/pysparkplug.txt" --build-constraints "$ROOT/deploy/setup/pysparkplug-build.txt" &&
    step "trying pysparkplug" "$folder/bin/python" -c 'import pysparkplug' && exit 0
  rm -rf "$folder"
  say "no pysparkplug here: the host that is built on it is not tried"
)

# SUNDIALS for the tests of the backend `sundials`: the wheel, and scikits.odes where it can be built.
# One is enough for the product; each has its adapter, so the tests take both. Without any the tests
# that need it are skipped (in CI they fail).
get_sundials() (
  local got=
  take_the_lock
  ! sundials_ready || exit 0
  : >"$LOG"
  uv_settings
  if add_packages "installing scikit-sundae (a wheel)" --no-build --requirements "$ROOT/deploy/setup/sundae.txt"; then
    got=1
  fi
  if can_build_odes &&
    add_packages "building scikits.odes (about a minute)" --requirements "$ROOT/deploy/setup/sundials.txt" \
      --build-constraints "$ROOT/deploy/setup/sundials-build.txt" &&
    step "trying scikits.odes" "$VENV/bin/python" -c 'import scikits_odes_sundials.cvode'; then
    got=1
  fi
  [ -n "$got" ] || say "no SUNDIALS here: tests of the backend sundials are skipped; see $LOG"
  [ -z "$got" ] || sundials >"$SUNDIALS_STAMP"
)

add_packages() {
  local words=$1
  shift
  step "$words" "$VENV/bin/uv" pip install --python "$VENV/bin/python" --no-deps --require-hashes "$@"
}

# A compiler, Python's headers and SUNDIALS 6: are they here, or may they be installed?
can_build_odes() {
  local headers version debs=(libsundials-dev gfortran gcc libc6-dev)
  "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || return 1 # Cython 0.29
  headers=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  if [ -e "$headers/Python.h" ]; then
    if have gcc gfortran && grep -qs 'SUNDIALS_VERSION_MAJOR 6' /usr/include/sundials/sundials_config.h; then
      return 0
    fi
  elif [ "${headers#/usr/include/python}" != "$headers" ]; then
    debs+=("${headers##*/}-dev")
  else
    return 1
  fi
  apt_rights || return 1
  read_package_lists
  version=$(LC_ALL=C apt-cache policy libsundials-dev)
  [[ $version == *"Candidate: 6."* ]] && install_debs "${debs[@]}"
}

# One set-up at a time in this folder.
take_the_lock() {
  if ! mkdir -p "$STATE" 2>/dev/null || [ ! -w "$STATE" ] || { [ -e "$VENV" ] && [ ! -w "$VENV" ]; }; then
    die "cannot write .venv and .twin in $ROOT as $(id -un): run a copy in a folder of yours, or as the owner"
  fi
  exec 9>"$STATE/setup.lock" || die "cannot open $STATE/setup.lock: run as its owner, or remove $STATE"
  flock -n 9 && return
  say "another call is setting up, waiting for it"
  flock -w 1800 9 || die "the other set-up has not ended in 30 minutes; see $LOG"
}

# One line for the person, the output into the log; when it fails, the log's end.
step() {
  say "$1"
  shift
  "$@" >>"$LOG" 2>&1 && return
  say "this failed: $*"
  tail -n 15 "$LOG" | sed 's/^/  | /' >&2
  return 1
}

give_up() { die "the set-up is not finished. The whole log: $LOG. Try again: ./twin goes on from here"; }

# The first complete interpreter (its real path) of a version that the lock has wheels for.
find_python() {
  local candidates=(python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.14) python
  candidates+=("$STATE/python/bin/python3") # unpacked by an earlier call
  [ -z "${TWIN_PYTHON:-}" ] || candidates=("$TWIN_PYTHON")
  for python in "${candidates[@]}"; do
    "$python" - 2>/dev/null <<'PYTHON' && return
import ctypes, os, sqlite3, ssl, sys, venv
assert (3, 11) <= sys.version_info[:2] <= (3, 14)
print(os.path.realpath(sys._base_executable))
PYTHON
  done
  return 1
}

get_python() {
  if ! PYTHON=$(find_python); then
    [ -z "${TWIN_PYTHON:-}" ] || die "TWIN_PYTHON=$TWIN_PYTHON is no complete Python 3.11 to 3.14"
    install_debs python3 python3-venv || unpack_debs python python3 python3-pip-whl || true
    PYTHON=$(find_python) ||
      die "needs Python 3.11 to 3.14; a person with rights can run: apt-get install python3 python3-venv"
  fi
  use_unpacked_libraries "$PYTHON"
}

# pip comes as one wheel, run from where it lies: only uv is installed with it.
get_pip() {
  if find_pip; then return; fi
  install_debs python3-venv || unpack_debs pip python3-pip-whl || true
  find_pip || die "needs pip's wheel; a person with rights can run: apt-get install python3-venv"
}

find_pip() {
  local library
  library=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  for PIP_WHEEL in "$library"/ensurepip/_bundled/pip-*.whl {,"$STATE"/python,"$STATE"/pip}/usr/share/python-wheels/pip-*.whl; do
    [ ! -e "$PIP_WHEEL" ] || return 0
  done
  return 1
}

# Certificate authorities to fetch packages with: those of this machine, else those of its distribution.
get_certificates() {
  local bundle=$STATE/certificates.crt
  if [ -n "${SSL_CERT_FILE:-}" ] || system_certificates || install_debs ca-certificates; then return; fi
  unpacked_certificates >"$bundle" || unpack_debs certificates ca-certificates || true
  unpacked_certificates >"$bundle" ||
    die "needs certificate authorities; a person with rights can run: apt-get install ca-certificates"
  export SSL_CERT_FILE=$bundle
}

unpacked_certificates() { cat "$STATE"/*/usr/share/ca-certificates/mozilla/*.crt 2>/dev/null; }

system_certificates() {
  local bundle
  for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    [ ! -s "$bundle" ] || return 0
  done
  return 1
}

# uv: this machine's certificates, no downloaded interpreters, a cache where it can write.
uv_settings() {
  export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_PYTHON_DOWNLOADS=never
  if [ -z "${UV_CACHE_DIR:-}${XDG_CACHE_HOME:-}" ] && [ ! -w "${HOME:-/nonexistent}" ]; then
    export UV_CACHE_DIR=$STATE/cache/uv PIP_CACHE_DIR=$STATE/cache/pip
  fi
}

# Install packages for the whole machine, where this user may without being asked.
install_debs() {
  apt_rights || return 1
  read_package_lists
  step "installing $* (apt-get)" "${RIGHTS[@]}" \
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

apt_rights() {
  local settings=(DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1)
  have apt-get || return 1
  RIGHTS=(env "${settings[@]}")
  [ "$(id -u)" != 0 ] || return 0
  if ! have sudo || ! sudo -n true 2>/dev/null; then return 1; fi
  RIGHTS=(sudo -n env "${settings[@]}")
}

read_package_lists() {
  [ -z "${LISTS_READ:-}" ] || return 0
  step "reading the package lists (apt-get)" "${RIGHTS[@]}" apt-get -q update || true
  LISTS_READ=1
}

# Unpack packages into .twin/$1, where this user may not install them.
unpack_debs() {
  local folder=$1
  shift
  step "unpacking $* into .twin" "$ROOT/deploy/setup/unpack-debs" "$STATE/$folder" "$@"
}
