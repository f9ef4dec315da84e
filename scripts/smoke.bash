# Sourced by the smoke scripts: requests with curl, signed or not, whose status and answer are compared with what is expected.
# shellcheck shell=bash
#
# ENDPOINT                 the store, http://127.0.0.1:9000 if not given
# AWS_ACCESS_KEY_ID        the root key, or one that may make buckets
# AWS_SECRET_ACCESS_KEY
# AWS_DEFAULT_REGION       us-east-1 if not given
# CURL_CA_BUNDLE           the certificate of an HTTPS endpoint that this machine does not know (curl reads it)

set -euo pipefail

ENDPOINT=${ENDPOINT:-http://127.0.0.1:9000}
ENDPOINT=${ENDPOINT%/}
REGION=${AWS_DEFAULT_REGION:-us-east-1}
: "${AWS_ACCESS_KEY_ID:?the access key is not set}" "${AWS_SECRET_ACCESS_KEY:?the secret key is not set}"

EMPTY=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
WORK=$(mktemp -d)
ANSWER=$WORK/answer # the body of the last answer
HEAD=$WORK/head     # its head
CHECKS=0

tidy() { :; } # replaced by a script that leaves something behind

leave() {
    local code=$?
    tidy >/dev/null 2>&1 || true
    rm -rf "$WORK"
    if ((code == 0)); then echo "passed: $CHECKS checks against $ENDPOINT"; else echo "FAILED" >&2; fi
}
trap leave EXIT

fail() {
    echo "  not ok: $*" >&2
    [[ ! -s $ANSWER ]] || head -c 2000 "$ANSWER" >&2
    exit 1
}

ok() {
    CHECKS=$((CHECKS + 1))
    echo "  ok: $*"
}

# The key goes by a file, since the arguments of a process can be seen by everybody on the machine.
key() { printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "${1:-$AWS_SECRET_ACCESS_KEY}"; }

# ask METHOD TARGET [CURL OPTION ...]: an unsigned request; prints the status.
ask() {
    local method=$1 target=$2 shape=(-X "$1")
    shift 2
    [[ $method != HEAD ]] || shape=(--head)
    curl --silent --show-error --max-time 60 --path-as-is "${shape[@]}" \
        --dump-header "$HEAD" --output "$ANSWER" --write-out '%{http_code}' "$@" "$ENDPOINT$target"
}

# signed METHOD TARGET [CURL OPTION ...]: the same with a Signature Version 4. The query must be sorted, each name with a "=".
signed() {
    local method=$1 target=$2 hash=$EMPTY
    shift 2
    if [[ -n ${BODY:-} ]]; then
        hash=$(sha256sum <"$BODY" | cut -d ' ' -f 1)
        set -- --data-binary "@$BODY" -H 'Content-Type: application/octet-stream' "$@"
    fi
    ask "$method" "$target" --config <(key "${SECRET:-}") --aws-sigv4 "aws:amz:$REGION:s3" \
        -H "x-amz-content-sha256: ${HASH:-$hash}" "$@"
}

# expect STATUS WHAT COMMAND ...: runs `ask` or `signed` and compares the status.
expect() {
    local wanted=$1 what=$2 status
    shift 2
    status=$("$@") || fail "$what: no answer"
    [[ $status == "$wanted" ]] || fail "$what: $status instead of $wanted"
    ok "$what"
}

# with FILE COMMAND ...: the same with a body.
with() { BODY=$1 "${@:2}"; }

# expect_code CODE: the last answer was a refusal with this error code.
expect_code() {
    grep -q "<Code>$1</Code>" "$ANSWER" || fail "the error code is not $1"
    ok "  and the code is $1"
}

# expect_text TEXT: the last answer contains it.
expect_text() {
    grep -qF -- "$1" "$ANSWER" || fail "the answer has no $1"
    ok "  and the answer has $1"
}

# expect_same FILE: the last answer is this file.
expect_same() {
    cmp -s "$1" "$ANSWER" || fail "the answer differs from what was sent"
    ok "  and the bytes are the same"
}

# element NAME: the text of the first element of that name in the last answer.
element() { sed -n "s/.*<$1>\([^<]*\)<\/$1>.*/\1/p" "$ANSWER" | head -n 1; }

# header NAME: its value in the last answer's head.
header() { tr -d '\r' <"$HEAD" | sed -n "s/^$1: *//Ip" | tail -n 1; }

# empty_bucket BUCKET: removes every version and the bucket.
empty_bucket() {
    local line
    signed GET "/$1?versions=" >/dev/null
    tr '<' '\n' <"$ANSWER" | sed -n 's/^Key>//p; s/^VersionId>//p' | while read -r line; do
        if [[ -z ${one:-} ]]; then one=$line; else
            signed DELETE "/$1/$one?versionId=$line" >/dev/null
            one=
        fi
    done
    signed DELETE "/$1" >/dev/null
}
