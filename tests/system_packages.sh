#!/usr/bin/env bash
# Installs what some tests need beside Python packages, where it can: as root, on a system with apt.
# Whatever cannot be had is named; the tests that need it are skipped with that reason.
set -uo pipefail
bin=$(realpath "${1:?the folder for programs that are unpacked and not installed}")
export DEBIAN_FRONTEND=noninteractive

# program, package, what it is for
wanted() {
  cat <<'END'
softhsm2-util softhsm2 keys in a token
chromium chromium the dashboard in a browser
kubectl kubernetes-client the Kubernetes files put together
END
}

may_install=
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && may_install=yes
lists=
refresh() { [ -n "$lists" ] || { apt-get update >/dev/null 2>&1; lists=read; }; }
missing() { echo "setup: $1 cannot be installed ($2); its tests are skipped" >&2; }

while read -r program package purpose; do
  command -v "$program" >/dev/null && continue
  [ -n "$may_install" ] || { missing "$package" "$purpose"; continue; }
  echo "setup: installing $package, for $purpose" >&2
  apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1 \
    || { refresh; apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1; } \
    || missing "$package" "$purpose"
done < <(wanted)

# promtool comes in a package with a service that nobody wants here: the program alone is taken out.
if ! command -v promtool >/dev/null && [ ! -x "$bin/promtool" ]; then
  if [ -n "$may_install" ]; then
    echo "setup: fetching promtool, for the alert rules" >&2
    refresh
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb . \
      && install -m 755 usr/bin/promtool "$bin/promtool") || missing prometheus "the alert rules"
    rm -rf "$folder"
  else
    missing prometheus "the alert rules"
  fi
fi
exit 0
