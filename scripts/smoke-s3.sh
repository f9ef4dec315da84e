#!/usr/bin/env bash
# What every S3 client needs: buckets, objects, ranges, conditions, listings, versions, copies, multipart uploads.
# Makes one bucket with a name of its own and removes it. Needs bash, curl 7.88 or newer, and the keys in the environment.

# shellcheck source=scripts/smoke.bash
source "$(dirname "${BASH_SOURCE[0]}")/smoke.bash"

BUCKET=smoke-s3-$$-$RANDOM
tidy() { empty_bucket "$BUCKET"; }

printf 'hello, lake\n' >"$WORK/small"
head -c 6291456 /dev/urandom >"$WORK/part"
cat "$WORK/part" "$WORK/small" >"$WORK/whole"

echo "buckets"
expect 200 "a bucket is made" signed PUT "/$BUCKET"
expect 200 "it is there" signed HEAD "/$BUCKET"
expect 200 "it is listed" signed GET "/"
expect_text "<Name>$BUCKET</Name>"

echo "objects"
expect 200 "an object is stored" with "$WORK/small" signed PUT "/$BUCKET/dir/small.txt" -H 'x-amz-meta-colour: green'
expect 200 "it is read" signed GET "/$BUCKET/dir/small.txt"
expect_same "$WORK/small"
[[ $(header x-amz-meta-colour) == green ]] || fail "the metadata is not what was sent"
ok "  and the metadata too"
ETAG=$(header etag)
expect 206 "a range is read" signed GET "/$BUCKET/dir/small.txt" -H 'Range: bytes=7-10'
[[ $(cat "$ANSWER") == lake ]] || fail "the range is not what was asked for"
expect 304 "an unchanged object is not sent again" signed GET "/$BUCKET/dir/small.txt" -H "If-None-Match: $ETAG"
expect 412 "a second create is refused" with "$WORK/small" signed PUT "/$BUCKET/dir/small.txt" -H 'If-None-Match: *'
expect_code PreconditionFailed
expect 200 "it is copied" signed PUT "/$BUCKET/copy.txt" -H "x-amz-copy-source: /$BUCKET/dir/small.txt"
expect 200 "the copy is read" signed GET "/$BUCKET/copy.txt"
expect_same "$WORK/small"
expect 404 "what is not there is not found" signed GET "/$BUCKET/nothing"
expect_code NoSuchKey

echo "listings"
expect 200 "the top is listed" signed GET "/$BUCKET?delimiter=%2F&list-type=2"
expect_text "<Key>copy.txt</Key>"
expect_text "<Prefix>dir/</Prefix>"

echo "a multipart upload"
expect 200 "it begins" signed POST "/$BUCKET/big?uploads="
UPLOAD=$(element UploadId)
expect 200 "part 1 is stored" with "$WORK/part" signed PUT "/$BUCKET/big?partNumber=1&uploadId=$UPLOAD"
FIRST=$(header etag)
expect 200 "part 2 is stored" with "$WORK/small" signed PUT "/$BUCKET/big?partNumber=2&uploadId=$UPLOAD"
SECOND=$(header etag)
{
    printf '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    printf '<Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part>' "$FIRST"
    printf '<Part><PartNumber>2</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>' "$SECOND"
} >"$WORK/parts.xml"
expect 200 "it ends" with "$WORK/parts.xml" signed POST "/$BUCKET/big?uploadId=$UPLOAD"
expect 200 "the whole is read" signed GET "/$BUCKET/big"
expect_same "$WORK/whole"

echo "versions"
printf '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>' >"$WORK/versioning.xml"
expect 200 "versioning is enabled" with "$WORK/versioning.xml" signed PUT "/$BUCKET?versioning="
expect 200 "an object is overwritten" with "$WORK/parts.xml" signed PUT "/$BUCKET/copy.txt"
expect 204 "it is deleted" signed DELETE "/$BUCKET/copy.txt"
expect 404 "it is gone" signed GET "/$BUCKET/copy.txt"
expect 200 "the first version is still there" signed GET "/$BUCKET/copy.txt?versionId=null"
expect_same "$WORK/small"

echo "the end"
expect 409 "a bucket that holds something stays" signed DELETE "/$BUCKET"
expect_code BucketNotEmpty
empty_bucket "$BUCKET"
expect 404 "the bucket is removed" signed HEAD "/$BUCKET"
