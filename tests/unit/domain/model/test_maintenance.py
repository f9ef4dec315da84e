from __future__ import annotations

import pytest

from seglake.domain.model.maintenance import OFF, Maintenance, MaintenanceState, parse_text, to_text


@pytest.mark.parametrize("state", MaintenanceState)
def test_a_state_is_read_as_it_was_written(state: MaintenanceState) -> None:
    written = Maintenance(state, 17, "moving disks") if state is not MaintenanceState.OFF else OFF
    assert parse_text(to_text(written)) == written


def test_no_note_means_off() -> None:
    assert parse_text(None) is OFF
    assert parse_text("") is OFF
    assert not OFF.refuses_new
    assert not OFF.refuses_commits


@pytest.mark.parametrize(
    "text", ["quiesced", "{}", "[]", '{"state":"off?","since_ms":1,"reason":""}', "[" * 100_000, '{"state":"off"}']
)
def test_a_note_that_cannot_be_read_refuses_writes(text: str) -> None:
    found = parse_text(text)
    assert found.refuses_commits
    assert "disable" in found.reason


def test_what_is_under_way_still_commits_while_maintenance_begins() -> None:
    entering = Maintenance(MaintenanceState.ENTERING)
    assert entering.refuses_new
    assert not entering.refuses_commits
    assert Maintenance(MaintenanceState.EXITING).refuses_commits
