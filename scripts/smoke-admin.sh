#!/usr/bin/env bash
# The admin channel: nothing without the token, nothing over TCP, a user from first key to last refusal, the checks.
#
# Runs as the server's user or root. SEGLAKE_DATA_DIR is the server's data directory (./data if not given). Makes a user, a key
# and a bucket; the user's name stays taken. Needs bash, curl 7.88 or newer, and the root key in the environment.

# shellcheck source=scripts/smoke.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke.bash"
# shellcheck source=scripts/smoke-socket.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke-socket.bash"

NAME=smoke-$$-$RANDOM
tidy() {
    [[ -z ${CREATED:-} ]] || call key.delete "{\"access_key\":\"$CREATED\"}"
    call bucket.delete "{\"name\":\"$NAME\"}"
    call user.delete "{\"name\":\"$NAME\"}"
}

echo "who may call"
for file in "$SOCKET" "$TOKEN_FILE"; do
    [[ $(stat -c %a "$file") == 600 ]] || fail "$file is open to others"
    ok "$(basename "$file") is the server's alone"
done
TOKEN='' expect 401 "without a token nothing is said" call bucket.list '{}'
TOKEN=0000 expect 401 "with a wrong one neither" call bucket.list '{}'
expect 200 "with the right one buckets are listed" call bucket.list '{}'
expect 404 "an unknown method is refused" call no.such '{}'
expect_text UnknownMethod
expect 400 "an unknown parameter is refused" call bucket.list '{"colour":"green"}'
expect 400 "what is not JSON is refused" call bucket.list 'colour=green'
[[ $(ask POST /v1/bucket.list --data-binary '{}' -H "Authorization: Bearer $(cat "$TOKEN_FILE")") == 4?? ]] ||
    fail "the channel can be reached over TCP"
ok "over TCP there is no channel"

echo "a user and a key"
expect 200 "a user is made" call user.create "{\"name\":\"$NAME\"}"
expect 200 "and gets a key" call key.create "{\"user\":\"$NAME\"}"
CREATED=$(field access_key)
GIVEN=$(field secret_key)
[[ -n $CREATED && -n $GIVEN ]] || fail "the answer has no key"
as_user() { AWS_ACCESS_KEY_ID=$CREATED AWS_SECRET_ACCESS_KEY=$GIVEN signed "$@"; }
expect 200 "which works at once" as_user PUT "/$NAME"
expect 200 "the key is shown" call key.show "{\"access_key\":\"$CREATED\"}"
! grep -qF "$GIVEN" "$ANSWER" || fail "the secret is shown again"
ok "  without its secret"
expect 200 "it becomes read-only" call key.set-policy "{\"access_key\":\"$CREATED\",\"policy\":\"ro\"}"
expect 403 "and no longer writes" as_user DELETE "/$NAME"
expect 200 "but reads" as_user GET "/$NAME"
expect 200 "it is disabled" call key.disable "{\"access_key\":\"$CREATED\"}"
expect 403 "and is refused at once" as_user GET "/$NAME"
expect 200 "it is deleted" call key.delete "{\"access_key\":\"$CREATED\"}"
CREATED=
expect 409 "a user who owns a bucket stays" call user.delete "{\"name\":\"$NAME\"}"
expect 200 "the bucket is deleted" call bucket.delete "{\"name\":\"$NAME\"}"
expect 200 "and then the user" call user.delete "{\"name\":\"$NAME\"}"

echo "the store"
finished() { # METHOD: starts the job, waits for its end
    expect 200 "$1 begins" call "$1" '{}'
    local job
    job=$(number job)
    for _ in $(seq 1 600); do
        call job.status "{\"job\":$job}" >/dev/null
        ! grep -q '"ended":null' "$ANSWER" || { sleep 0.5; continue; }
        return 0
    done
    fail "$1 does not end"
}
for check in status.start fsck.start scrub.start; do
    finished "$check"
    grep -q '"error":null' "$ANSWER" || fail "$check failed: $(head -c 300 "$ANSWER")"
done
grep -q '"sound":true' "$ANSWER" || fail "something is damaged: $(head -c 300 "$ANSWER")"
ok "the store is sound"
finished index.rebuild
expect_text NeedsStoppedServer
