#!/usr/bin/env bash
# What must be refused, and how: no signature, a wrong one, a changed request, an old one, another region, two credentials.
# Changes nothing that lasts. Needs bash, curl 7.88 or newer, openssl, and the keys in the environment.

# shellcheck source=scripts/smoke.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke.bash"

BUCKET=smoke-security-$$-$RANDOM
tidy() { empty_bucket "$BUCKET"; }
printf 'content\n' >"$WORK/small"
printf 'another\n' >"$WORK/other"

expect 200 "the key is right" signed PUT "/$BUCKET"
expect 200 "and may write" with "$WORK/small" signed PUT "/$BUCKET/object"

echo "who nobody is"
for target in "/" "/$BUCKET" "/$BUCKET/object" "/$BUCKET?policy="; do
    expect 403 "an anonymous GET $target is refused" ask GET "$target"
    expect_code AccessDenied
done
expect 403 "an anonymous upload is refused" ask PUT "/$BUCKET/new" --data-binary "@$WORK/small"
expect 403 "an anonymous delete is refused" ask DELETE "/$BUCKET/object"

echo "wrong signatures"
SECRET=not-the-secret-0123456789 expect 403 "a wrong secret is refused" signed GET "/$BUCKET"
expect_code SignatureDoesNotMatch
AWS_ACCESS_KEY_ID=NOSUCHKEY expect 403 "an unknown key is refused" signed GET "/$BUCKET"
expect_code InvalidAccessKeyId
REGION=mars-north-1 expect 400 "another region is refused" signed GET "/$BUCKET"
expect_code AuthorizationHeaderMalformed

echo "changed requests"
HASH=$(sha256sum <"$WORK/other" | cut -d ' ' -f 1)
expect 400 "another body than the signed one is refused" with "$WORK/small" signed PUT "/$BUCKET/new"
expect_code XAmzContentSHA256Mismatch
HASH=
expect 404 "and was not stored" signed GET "/$BUCKET/new"
expect 400 "two ways to sign at once are refused" signed GET "/$BUCKET?X-Amz-Algorithm=AWS4-HMAC-SHA256"

hmac() { openssl dgst -sha256 -mac hmac -macopt "$1" -binary | od -An -v -tx1 | tr -d ' \n'; }

# presign TARGET TIME LIFETIME: the query of a presigned GET, made by hand (Signature Version 4, query parameters).
presign() {
    local target=$1 time=$2 lifetime=$3 day=${2%%T*} host=${ENDPOINT#*://} query secret
    query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=$AWS_ACCESS_KEY_ID%2F$day%2F$REGION%2Fs3%2Faws4_request"
    query+="&X-Amz-Date=$time&X-Amz-Expires=$lifetime&X-Amz-SignedHeaders=host"
    secret=$(printf '%s' "AWS4$AWS_SECRET_ACCESS_KEY" | od -An -v -tx1 | tr -d ' \n')
    for step in "$day" "$REGION" s3 aws4_request; do
        secret=$(printf '%s' "$step" | hmac "hexkey:$secret")
    done
    local canonical
    canonical=$(printf 'GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD' "$target" "$query" "$host" | sha256sum)
    local text
    text=$(printf 'AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s' "$time" "$day" "$REGION" "${canonical%% *}")
    printf '%s&X-Amz-Signature=%s' "$query" "$(printf '%s' "$text" | hmac "hexkey:$secret")"
}

echo "presigned requests"
NOW=$(date -u +%Y%m%dT%H%M%SZ)
QUERY=$(presign "/$BUCKET/object" "$NOW" 60)
expect 200 "a presigned URL reads" ask GET "/$BUCKET/object?$QUERY"
expect_same "$WORK/small"
expect 403 "it reads nothing else" ask GET "/$BUCKET/new?$QUERY"
expect_code SignatureDoesNotMatch
expect 403 "it writes nothing" ask PUT "/$BUCKET/object?$QUERY" --data-binary "@$WORK/other"
expect 403 "it takes no x-amz header that was not signed" ask GET "/$BUCKET/object?$QUERY" -H 'x-amz-meta-a: b'
expect 403 "it does not live longer by asking" ask GET "/$BUCKET/object?${QUERY/Expires=60/Expires=604800}"
EARLIER=$(date -u -d '2 hours ago' +%Y%m%dT%H%M%SZ)
expect 403 "one that has expired is refused" ask GET "/$BUCKET/object?$(presign "/$BUCKET/object" "$EARLIER" 60)"
expect_text "expired"

echo "odd requests"
expect 501 "an unknown operation is refused" signed GET "/$BUCKET?nosuchthing="
printf '<!DOCTYPE a [<!ENTITY b "object">]><Delete><Object><Key>&b;</Key></Object></Delete>' >"$WORK/bomb.xml"
expect 400 "an entity in XML is refused" with "$WORK/bomb.xml" signed POST "/$BUCKET?delete=" \
    -H "Content-MD5: $(openssl md5 -binary <"$WORK/bomb.xml" | base64)"
expect_code MalformedXML
expect 200 "after all that the object is as it was" signed GET "/$BUCKET/object"
expect_same "$WORK/small"
