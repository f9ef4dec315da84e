#!/usr/bin/env bash
# Maintenance: while it is enabled the store is read and not written, and afterwards it is written again.
#
# WRITES ARE REFUSED FOR A MOMENT: not for a store in use. Runs as the server's user or root; SEGLAKE_DATA_DIR is the server's data
# directory (./data if not given). Makes a bucket and removes it. Needs bash, curl 7.88 or newer, and the keys.

# shellcheck source=scripts/smoke.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke.bash"
# shellcheck source=scripts/smoke-socket.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke-socket.bash"

BUCKET=smoke-maintenance-$$-$RANDOM
tidy() {
    call maintenance.disable '{}'
    empty_bucket "$BUCKET"
}
printf 'content\n' >"$WORK/small"

expect 200 "maintenance is off" call maintenance.status '{}'
expect_text '"off"'
expect 200 "a bucket is made" signed PUT "/$BUCKET"
expect 200 "an object is stored" with "$WORK/small" signed PUT "/$BUCKET/before"

echo "enabled"
expect 200 "maintenance is enabled" call maintenance.enable '{}'
expect 200 "and says so" call maintenance.status '{}'
expect_text '"quiesced"'
expect 503 "nothing is stored" with "$WORK/small" signed PUT "/$BUCKET/during"
[[ -n $(header retry-after) ]] || fail "no Retry-After"
ok "  and the client hears when to come again"
expect 503 "nothing is deleted" signed DELETE "/$BUCKET/before"
expect 503 "no bucket is made" signed PUT "/$BUCKET-2"
expect 200 "what is there is read" signed GET "/$BUCKET/before"
expect_same "$WORK/small"
expect 200 "and listed" signed GET "/$BUCKET?list-type=2"

echo "disabled"
expect 200 "maintenance is disabled" call maintenance.disable '{}'
expect 200 "objects are stored again" with "$WORK/small" signed PUT "/$BUCKET/during"
expect 204 "and deleted" signed DELETE "/$BUCKET/before"
