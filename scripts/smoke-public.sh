#!/usr/bin/env bash
# A public bucket: anonymous reads work as far as its policy says, in both forms of the policy, and no further.
#
# BUCKET must be named in the server's --public-buckets; with PRIVATE_EXPECTED=1 it must not be, and everything anonymous
# is refused. Makes the bucket and removes it again; an existing one is not touched. Needs bash and curl 7.88 or newer.

# shellcheck source=scripts/smoke.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke.bash"

BUCKET=${BUCKET:-assets}
POLICIES=$(dirname "${BASH_SOURCE[0]}")/../examples/policies
OPEN=200
[[ -z ${PRIVATE_EXPECTED:-} ]] || OPEN=403

expect 404 "there is no bucket $BUCKET yet" signed HEAD "/$BUCKET"
expect 200 "it is made" signed PUT "/$BUCKET"
tidy() { empty_bucket "$BUCKET"; }
printf 'for everybody\n' >"$WORK/page"
expect 200 "a page is stored" with "$WORK/page" signed PUT "/$BUCKET/page.html"
expect 200 "a draft is stored" with "$WORK/page" signed PUT "/$BUCKET/drafts/page.html"
expect 403 "without a policy nobody reads" ask GET "/$BUCKET/page.html"

{
    printf '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>'
    printf '<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>'
    printf '</PublicAccessBlockConfiguration>'
} >"$WORK/block.xml"

for form in public-read.json public-read.v1.json; do
    echo "$form"
    sed "s/assets/$BUCKET/" "$POLICIES/$form" >"$WORK/policy.json"
    expect 200 "public access is blocked" with "$WORK/block.xml" signed PUT "/$BUCKET?publicAccessBlock="
    expect 403 "a public policy is not stored" with "$WORK/policy.json" signed PUT "/$BUCKET?policy="
    expect 204 "the block is taken away" signed DELETE "/$BUCKET?publicAccessBlock="
    expect 204 "the policy is stored" with "$WORK/policy.json" signed PUT "/$BUCKET?policy="
    expect "$OPEN" "everybody: the page" ask GET "/$BUCKET/page.html"
    [[ $OPEN != 200 ]] || expect_same "$WORK/page"
    expect 403 "nobody: the draft" ask GET "/$BUCKET/drafts/page.html"
    expect 403 "nobody: the list" ask GET "/$BUCKET?list-type=2"
    expect 403 "nobody: writing" ask PUT "/$BUCKET/page.html" --data-binary x
    expect 403 "nobody: deleting" ask DELETE "/$BUCKET/page.html"
    expect 403 "nobody: the policy" ask GET "/$BUCKET?policy="
    expect 200 "public access is blocked again" with "$WORK/block.xml" signed PUT "/$BUCKET?publicAccessBlock="
    expect 403 "and nobody reads" ask GET "/$BUCKET/page.html"
    expect 204 "the policy is removed" signed DELETE "/$BUCKET?policy="
done
