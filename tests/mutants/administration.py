"""Ways to let somebody administer the store who may not, or to lose the last who may."""

from __future__ import annotations

from .mutant import Edit, Mutant

_SERVER = "adapters/admin_socket/server.py"
_KEYS = "domain/services/keys.py"
_SERVER_TESTS = ("tests/unit/adapters/admin_socket/test_server.py",)
_KEY_TESTS = ("tests/unit/domain/services/test_keys.py",)
_USER_TESTS = ("tests/unit/domain/services/test_users.py",)
_EMPTYING_TESTS = ("tests/unit/domain/services/test_emptying.py",)

ADMINISTRATION = (
    Mutant(
        "every user's process may use the admin channel",
        _SERVER_TESTS,
        (Edit(_SERVER, "if seen.peer is None or seen.peer.uid not in (os.geteuid(), 0):", "if seen.peer is None:"),),
    ),
    Mutant(
        "an unknown peer may use the admin channel",
        _SERVER_TESTS,
        (Edit(_SERVER, "if seen.peer is None or seen.peer.uid", "if seen.peer is not None and seen.peer.uid"),),
    ),
    Mutant(
        "the admin channel's token is not looked at",
        _SERVER_TESTS,
        (Edit(_SERVER, 'if not is_bearer(request.headers.get("Authorization", ""), self._token):', "if False:"),),
    ),
    Mutant(
        "the admin channel's socket is open to others for a moment",
        ("tests/unit/adapters/admin_socket/test_place.py",),
        (
            Edit(
                "adapters/admin_socket/place.py",
                "        os.fchmod(listening.fileno(), 0o600)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "anything is sent for a token",
        ("tests/unit/adapters/admin_socket/test_client.py", "tests/unit/adapters/admin_socket/test_token.py"),
        (Edit("adapters/admin_socket/token.py", "return text if _TOKEN.fullmatch(text) else None", "return text"),),
    ),
    Mutant(
        "the admin log shows names that were sent",
        _SERVER_TESTS,
        (
            Edit(
                _SERVER,
                "    return tuple([name for name in OPERATIONS[method].parameters if name in parameters])",
                "    return tuple(parameters)",
            ),
        ),
    ),
    Mutant(
        "unknown parameters are ignored",
        ("tests/unit/adapters/admin_socket/test_operation.py",),
        (
            Edit(
                "adapters/admin_socket/operation.py",
                "            if name not in self.parameters:",
                "            if not name:",
            ),
        ),
    ),
    Mutant(
        "the last root key may be deleted",
        _KEY_TESTS,
        (
            Edit(
                _KEYS,
                "        if _is_root(found):\n            _check_another_root",
                "        if found is None:\n            _check_another_root",
            ),
        ),
    ),
    Mutant(
        "the last root key may be narrowed",
        _KEY_TESTS,
        (Edit(_KEYS, "        if _is_root(before) and not _is_root(after):", "        if not after.enabled:"),),
    ),
    Mutant(
        "a disabled key counts as the root key that is left",
        _KEY_TESTS,
        (Edit(_KEYS, "    return found.enabled and found.user == ROOT", "    return found.user == ROOT"),),
    ),
    Mutant(
        "a key without a list of buckets any more reaches all",
        _KEY_TESTS,
        (Edit(_KEYS, "            if not left:\n", "            if left is None:\n"),),
    ),
    Mutant(
        "a document with white space before it denies everything",
        _KEY_TESTS,
        (
            Edit(
                _KEYS, "    document = text.strip()\n", '    document = text if text.lstrip().startswith("{") else ""\n'
            ),
        ),
    ),
    Mutant(
        "a key's policy is stored unread",
        _KEY_TESTS,
        (Edit(_KEYS, "    parse_policy(document, principals=False)\n", ""),),
    ),
    Mutant(
        "a deleted user's name is given out again",
        _USER_TESTS,
        (
            Edit(
                "domain/services/users.py",
                "        if known is not None:\n            raise UserTaken",
                "        if known is not None and known.state is not UserState.DELETED:\n            raise UserTaken",
            ),
        ),
    ),
    Mutant(
        "a user who owns buckets is deleted",
        _USER_TESTS,
        (Edit("domain/services/users.py", "        if keys or buckets:", "        if keys:"),),
    ),
    Mutant(
        "force removes what object lock protects",
        _EMPTYING_TESTS,
        (Edit("domain/services/emptying.py", "        self._check(tx, bucket, entries)\n", ""),),
    ),
    Mutant(
        "a disabled key is explained as if it were not",
        ("tests/unit/domain/services/test_explaining.py",),
        (Edit("domain/services/explaining.py", "        if not found.enabled:\n", "        if found is None:\n"),),
    ),
)
