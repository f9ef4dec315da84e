"""What a browser is told about pages of other origins: the rules of the bucket, or, where it has none, those of the
server.

Sources: Amazon S3 User Guide, "Using cross-origin resource sharing"; Fetch Standard, "CORS protocol". A request without
Origin never gets here.
"""

from __future__ import annotations

from seglake.adapters.s3_protocol.addressing import locate
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.cors import ANYONE, Allowed, Rules, find_rule, parse_text
from seglake.domain.model.errors import InvalidBucketName, SeglakeError
from seglake.domain.model.names import check_bucket_name
from seglake.domain.services.access import Access, Grounds

from .config import FrontConfig

Fields = tuple[tuple[str, str], ...]

NO_FIELDS: Fields = ()
VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


def allowing(allowed: Allowed, asked: tuple[str, ...] = ()) -> Fields:
    """The fields of an answer that a page may read; ``asked`` are the headers that a preflight asked for."""
    rule, origin = allowed.rule, allowed.origin
    fields = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Methods", ", ".join(rule.methods))]
    if asked:
        fields.append(("Access-Control-Allow-Headers", ", ".join(asked)))
    if rule.exposed:
        fields.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed)))
    if rule.max_age_s is not None:
        fields.append(("Access-Control-Max-Age", str(rule.max_age_s)))
    if origin != ANYONE:
        fields.append(("Access-Control-Allow-Credentials", "true"))
    return (*fields, VARY)


class CrossOrigin:
    """Finds the rules that hold for a bucket. Nothing but the rules shows in an answer: where a bucket does not exist,
    the server's own rules hold as for one that has none."""

    def __init__(self, access: Access, config: FrontConfig) -> None:
        self._access = access
        self._config = config

    def rules(self, grounds: Grounds) -> Rules:
        """The rules of a bucket."""
        text = grounds.configs.get(ConfigKind.CORS)
        return self._config.cors if text is None else parse_text(text)

    def rules_of(self, bucket: str) -> Rules:
        """The rules of the bucket with this name, as a request gives it."""
        try:
            check_bucket_name(bucket)
        except InvalidBucketName:
            return self._config.cors
        return self.rules(self._access.grounds(bucket))

    def fields(self, grounds: Grounds, origin: str, method: str) -> Fields:
        """What to add to the answer to a request that came from a page of ``origin``."""
        return self._fields(self.rules(grounds), origin, method)

    def fields_of_refusal(self, host: str, path: str, origin: str, method: str) -> Fields:
        """The same where the request was refused before its bucket was looked up."""
        config = self._config
        try:
            found = locate(host, path, domains=config.domains, virtual_hosted=config.virtual_hosted)
            rules = self.rules_of(found.bucket or "")
        except SeglakeError:
            # There is no such address, or the store fails: the answer itself says so.
            return NO_FIELDS
        return self._fields(rules, origin, method)

    @staticmethod
    def _fields(rules: Rules, origin: str, method: str) -> Fields:
        if not rules:
            return NO_FIELDS
        allowed = find_rule(rules, origin, method)
        # A cache must not give to one origin what was meant for another, be it a refusal.
        return (VARY,) if allowed is None else allowing(allowed)
