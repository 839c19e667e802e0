#!/bin/sh
# Smoke test of a running agent with nothing but curl: health, query, act, metrics, webhook.
# Usage: scripts/test-agent.sh [URL]     default http://localhost:8088; a token, if needed, in AETHER_TOKEN
# Changes nothing: the action names a service that nobody has, the alert is invented and resolves at once.
# Exit code: 0 all is well, 1 a check failed, 2 usage or curl is missing.
set -u

usage="usage: $0 [URL]"
[ $# -le 1 ] || { echo "$usage" >&2; exit 2; }
base=${1:-http://localhost:8088}
base=${base%/}
case $base in
    http://* | https://*) ;;
    *) echo "$usage; '$base' is no URL" >&2; exit 2 ;;
esac
command -v curl >/dev/null || { echo "$0 needs curl" >&2; exit 2; }

umask 077
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
: >"$folder/headers" # the token travels in a file: arguments are seen by every user of the machine
[ -z "${AETHER_TOKEN:-}" ] || printf 'Authorization: Bearer %s\n' "$AETHER_TOKEN" >"$folder/headers"
failed=0

# ask METHOD PATH [JSON]: the status in $status, the body in the file body
ask() {
    : >"$folder/body"
    if [ $# -eq 3 ]; then
        set -- "$1" "$2" --header 'Content-Type: application/json' --data "$3"
    fi
    method=$1
    path=$2
    shift 2
    status=$(curl --silent --show-error --max-time 15 --max-filesize 10485760 --request "$method" \
        --header "@$folder/headers" --output "$folder/body" --write-out '%{http_code}' "$@" "$base$path" \
        2>"$folder/error") || true
}

says() { grep -Eq "$1" "$folder/body"; }

report() { # report NAME DETAIL: by the exit code of what ran before
    if [ "$3" -eq 0 ]; then
        printf '%-8s ok      %s\n' "$1" "$2"
    else
        printf '%-8s FAILED  %s %s\n' "$1" "$status" \
            "$(cat "$folder/error" "$folder/body" | tr -c '[:print:]' ' ' | head -c 300)"
        failed=1
    fi
}

ask GET /health
[ "$status" = 200 ] && says '"ok": ?true' && says '"health_score"' && says '"consecutive_low"'
report health 'the agent can serve' $?

ask POST /query '{"ql":"vector(1)"}'
[ "$status" = 200 ] && says '"value": ?1(\.0)?[,}]'
report query 'vector(1) is 1' $?

ask POST /act '{"action":"scale","reason":"smoke test","service":"aether-smoke-test"}'
[ "$status" = 202 ] && says '"decision": ?"deny"'
report act 'an action on nothing is refused' $?

ask GET /metrics
[ "$status" = 200 ] && says '^aether_agent_'
report metrics 'aether_agent_* is there' $?

now=$(date -u +%Y-%m-%dT%H:%M:%S)
mark=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
labels="{\"alertname\":\"AetherSmokeTest\",\"severity\":\"info\",\"service\":\"aether-smoke-test\",\"smoke\":\"$mark\"}"
notify() { # notify STATUS ENDS_AT
    ask POST /alertmanager "{\"version\":\"4\",\"status\":\"$1\",\"receiver\":\"agent\",\"alerts\":[{\"status\":\"$1\",
        \"labels\":$labels,\"annotations\":{\"summary\":\"Invented by test-agent.\"},
        \"startsAt\":\"${now}.000Z\",\"endsAt\":\"$2\"}]}"
    [ "$status" = 200 ]
}
listed() { # one item a line, so that the status and the mark are of the same alert
    tries=0
    while [ "$tries" -lt 50 ]; do
        ask GET '/api/v1/alerts?limit=100'
        tr -d '\n' <"$folder/body" | sed 's/{"fingerprint"/\n&/g' | grep "$mark" | grep -Eq '"status": ?"resolved"' && return 0
        [ "$status" = 200 ] || return 1
        tries=$((tries + 1))
        sleep 0.2
    done
    return 1
}
notify firing 0001-01-01T00:00:00Z && notify resolved "${now}.001Z" && listed
report webhook 'an invented alert was heard, listed and resolved' $?

exit "$failed"
