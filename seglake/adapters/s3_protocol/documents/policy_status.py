"""PolicyStatus says in one word whether a bucket is public.

Source: API Reference of GetBucketPolicyStatus.
"""

from __future__ import annotations

from seglake.adapters.s3_protocol.xml_out import document


def render_policy_status(*, public: bool) -> bytes:
    """PolicyStatus."""
    return document("PolicyStatus", f"<IsPublic>{str(public).lower()}</IsPublic>")
