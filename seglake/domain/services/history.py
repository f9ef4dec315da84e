"""How far back the events reach: collecting garbage shortens the history, and whoever goes back to a moment must know.

Kept as a note of the index. A rebuilt index does not have it, and neither does it need it: it is for snapshots of this
one.
"""

from __future__ import annotations

from seglake.domain.ports.metadata import MetadataTx, MetadataView

HISTORY_NOTE = "history.ticks"


def note_collected(tx: MetadataTx) -> None:
    """From this commit on, segments go away that states before it need."""
    tx.notes.put(HISTORY_NOTE, str(tx.settings.last_ticks()))


def history_ticks(view: MetadataView) -> int:
    """The ticks of the oldest state that can still be told from the events; 0 = every state."""
    text = view.notes.get(HISTORY_NOTE) or ""
    return int(text) if text.isascii() and text.isdigit() else 0
