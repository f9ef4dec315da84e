from __future__ import annotations

import botocore.session
import pytest
from botocore.parsers import create_parser

from seglake.adapters.s3_protocol.documents.policy_status import render_policy_status


@pytest.mark.parametrize("public", [True, False])
def test_botocore_reads_the_status(public: bool) -> None:
    shape = botocore.session.get_session().get_service_model("s3").operation_model("GetBucketPolicyStatus").output_shape
    answer = {"body": render_policy_status(public=public), "headers": {}, "status_code": 200}
    assert create_parser("rest-xml").parse(answer, shape)["PolicyStatus"] == {"IsPublic": public}
