# Sourced by the smoke scripts that use the admin channel: a Unix socket and a token, both in the data directory.
# shellcheck shell=bash

DATA_DIR=${SEGLAKE_DATA_DIR:-./data}
SOCKET=$DATA_DIR/.seglake-admin.sock
TOKEN_FILE=$DATA_DIR/.seglake-admin.token
[[ -S $SOCKET && -r $TOKEN_FILE ]] || fail "no server can be asked at $SOCKET: is SEGLAKE_DATA_DIR right, and whose are you?"

# call METHOD JSON: one call with the token of the file, or with TOKEN if that is set; prints the status.
call() {
    curl --silent --show-error --max-time 120 --unix-socket "$SOCKET" --output "$ANSWER" --write-out '%{http_code}' \
        --config <(printf 'header = "Authorization: Bearer %s"\n' "${TOKEN-$(cat "$TOKEN_FILE")}") \
        --data-binary "$2" "http://admin/v1/$1"
}

# field NAME: the text of a field of the last answer.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$ANSWER"; }

# number NAME: the number of a field of the last answer.
number() { sed -n "s/.*\"$1\":\([0-9][0-9]*\).*/\1/p" "$ANSWER"; }
