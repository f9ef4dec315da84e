"""Bytes on disk: how segments, manifest packs and events are written down, without touching any file.

The byte tables are in docs/formats/; a change here is a change there.
"""

from seglake.adapters.disk_format.events import decode_event, encode_event
from seglake.adapters.disk_format.footer import Footer, SegmentIndex
from seglake.adapters.disk_format.manifests import decode_manifest, encode_manifest, held_in
from seglake.adapters.disk_format.multipart import decode_part, decode_upload, encode_part, encode_upload
from seglake.adapters.disk_format.records import RecordCodec, RecordHeader, RecordKind
from seglake.adapters.disk_format.segment import SegmentHeader

__all__ = [
    "Footer",
    "RecordCodec",
    "RecordHeader",
    "RecordKind",
    "SegmentHeader",
    "SegmentIndex",
    "decode_event",
    "decode_manifest",
    "decode_part",
    "decode_upload",
    "encode_event",
    "encode_manifest",
    "encode_part",
    "encode_upload",
    "held_in",
]
