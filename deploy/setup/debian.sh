# shellcheck shell=bash
# Sourced by what unpacks packages of another release of Debian: ../timescale/install and unpack-brokers.
# They are checked by apt against Debian's keys and run with their own C library, so an older host will
# do; no root, no change to the system. Needs apt-get and dpkg-deb (Debian, Ubuntu), and `say` and `die`
# of the caller.

# unpack_debian SUITE PART LEAVE_OUT PACKAGE...
# Unpack packages and all that they need into PART/root, but those whose names begin with one of
# LEAVE_OUT (a|b|c). Sets `part` (absolute) and `loader` (below PART/root).
unpack_debian() {
  local suite=$1 leave_out=$3 program key mirror deb packages
  for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || die "needs $program (Debian, Ubuntu)"
  done
  rm -rf "$2"
  mkdir -p "$2"/{lists/partial,archives/partial,debs,preferences.d,root}
  part=$(cd "$2" && pwd -P)
  shift 3
  : >"$part/status" # nothing counts as installed: the whole closure is fetched
  mirror=$(debian_mirror) || exit 1
  key=$(debian_keyring) || exit 1
  printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$suite" >"$part/sources.list"
  cat >"$part/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "$part/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$part/preferences.d";
Dir::State "$part";
Dir::State::status "$part/status";
Dir::State::lists "$part/lists";
Dir::Cache "$part";
Dir::Cache::archives "$part/archives";
Dir::Log "$part";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
CONF
  say "reading the package lists of Debian $suite"
  APT_CONFIG=$part/apt.conf apt-get -qq update >&2 || die "cannot read the package lists of Debian $suite"
  mapfile -t packages < <(APT_CONFIG=$part/apt.conf apt-get -s -y install "$@" |
    awk '/^Inst /{print $2}' | grep -Ev "^($leave_out)")
  [ ${#packages[@]} -gt 0 ] || die "Debian $suite does not offer $* here"
  say "fetching ${#packages[@]} packages"
  (cd "$part/debs" && APT_CONFIG=$part/apt.conf apt-get -qq download "${packages[@]}" >&2) ||
    die "cannot fetch the packages of Debian $suite"
  for deb in "$part"/debs/*.deb; do dpkg-deb -x "$deb" "$part/root"; done
  rm -rf "$part"/root/usr/share/{doc,man,locale}
  loader=$(cd "$part/root" && find . -path './lib/*/ld-linux-*.so.*' -o -path './usr/lib/*/ld-linux-*.so.*' | head -n 1)
  [ -n "$loader" ] || die "the packages hold no dynamic loader"
  loader=${loader#./}
  # the links that an installation would make: some packages ship none
  PATH=$PATH:/usr/sbin:/sbin ldconfig -n "$part/root/${loader%/*}" "$part"/root/usr/lib/*-linux-gnu*
  rm -rf "$part"/{lists,archives,debs,preferences.d,keyring,sources.list,apt.conf,status,eipp.log.xz} "$part"/*.deb "$part"/*.bin
  chmod 755 "$part"
}

# debian_launcher FILE UP PROGRAM
# Write FILE, which runs PROGRAM with the unpacked C library in its own place (exec: signals reach it).
# UP leads from FILE's folder to the root that was unpacked; PROGRAM and `loader` are below that.
debian_launcher() {
  local folder=${loader%/*}
  folder=${folder#usr/}
  cat >"$1" <<LAUNCHER
#!/bin/sh
self=\$(readlink -f "\$0")
root=\$(cd "\$(dirname "\$self")/$2" && pwd)
exec "\$root/$loader" --library-path "\$root/$folder:\$root/usr/$folder" --argv0 "\$self" "\$root/$3" "\$@"
LAUNCHER
  chmod 755 "$1"
}

# The Debian mirror that this machine already uses, read from apt's own sources.
debian_mirror() {
  local found
  found=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" {print $3; exit}') || true
  if [ -z "$found" ]; then # no lists were ever read: look into the sources, old format and new
    found=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
      awk '/^URIs:/ {uri = $2}
           /^Suites:/ && !/security/ && uri ~ /\/debian\/?$/ {print uri; exit}
           /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:.*\/debian\/?$/) {print $i; exit}}') || true
  fi
  found=${TWIN_DEBIAN_MIRROR:-$found}
  [ -n "$found" ] || die "this machine names no mirror of Debian: set TWIN_DEBIAN_MIRROR"
  printf '%s' "$found"
}

debian_keyring() {
  local key=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ ! -s "$key" ]; then # Ubuntu: it is a package like another, checked by Ubuntu's keys
    (cd "$part" && apt-get -qq download debian-archive-keyring && dpkg-deb -x debian-archive-keyring*.deb keyring) >&2 ||
      die "needs the package debian-archive-keyring"
    key=$part/keyring$key
  fi
  printf '%s' "$key"
}
