#!/usr/bin/env bash
# What the program costs while nothing happens: the start of `--help` beside that of `true`, and the resident memory of
# `tidegate serve` idle and with many active rollouts, after it has looked at them for a minute.
#
#   bash benches/serve.sh [ROLLOUTS]      about two and a half minutes; ROLLOUTS defaults to 10000
set -euo pipefail
cd "$(dirname "$0")/.."
rollouts=${1:-10000}
watched=60

# In one build, or the two would disagree about features and compile every crate twice.
tool=$(cargo build --release --bin tidegate --bench rollouts --message-format=json |
    sed -n 's/.*"executable":"\([^"]*rollouts-[^"]*\)".*/\1/p' | tail -1)
program=${CARGO_TARGET_DIR:-target}/release/tidegate
work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Milliseconds from fork to exit, the median of 50 starts.
median_start() {
    for _ in $(seq 50); do
        local begun=$EPOCHREALTIME
        "$@" >/dev/null
        local ended=$EPOCHREALTIME
        echo $((${ended/./} - ${begun/./}))
    done | sort -n | sed -n 25p | awk '{ printf "%.2f", $1 / 1000 }'
}

# Resident megabytes now and at most, and seconds of processor time, of a process.
report() {
    awk -v what="$1" -v ticks="$(getconf CLK_TCK)" '
        /^VmRSS/ { now = $2 / 1024 } /^VmHWM/ { most = $2 / 1024 }
        FILENAME ~ /stat$/ { sub(/.*\) /, ""); cpu = ($12 + $13) / ticks }
        END { printf "%-28s %6.1f MB resident, at most %.1f MB, %.2f s of processor time\n", what, now, most, cpu }
    ' "/proc/$2/status" "/proc/$2/stat"
}

# Serves a directory for a while and reports.
measure() {
    "$program" serve --data "$2" --listen 127.0.0.1:0 \
        --listen-providers 127.0.0.1:0 >"$work/serve.log" 2>&1 &
    server=$!
    sleep "$watched"
    kill -0 "$server" || { cat "$work/serve.log" >&2; exit 1; }
    report "$1" "$server"
    kill "$server" && wait "$server" || true
    server=
}

echo "start of /bin/true  $(median_start /bin/true) ms"
echo "start of --help     $(median_start "$program" --help) ms"
mkdir "$work/idle" "$work/busy"
measure "serve, idle" "$work/idle"
"$tool" fill "$work/busy" "$rollouts"
measure "serve, $rollouts rollouts" "$work/busy"
