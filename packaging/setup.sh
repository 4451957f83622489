#!/bin/sh
# Sets up a checkout: Debian's packages (as root; otherwise it prints the one command to run), .venv, locked dependencies.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
# PACKAGES: the lists of Debian's packages beside this script; only measuring needs more than the first.
here=$(dirname "$0")

if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    missing=""
    for package in $(cd "$here" && grep -hv '^#' ${PACKAGES:-debian-packages.txt}); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ]; then
            echo "Installing:$missing"
            apt-get update -q
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
        else
            echo "Some system packages are missing. Run this once, then make again:"
            echo "  sudo apt-get install --no-install-recommends$missing"
            exit 1
        fi
    fi
fi

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
# The command itself, so that "testigo" and its version are there; what it needs is locked above.
site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
pwd > "$site/testigo-checkout.pth"
cat > "$VENV/bin/testigo" <<SCRIPT
#!$(cd "$VENV/bin" && pwd)/python
import sys
from client.__main__ import main
sys.exit(main())
SCRIPT
chmod +x "$VENV/bin/testigo"
