"""Segments in files of one data directory: what is acknowledged here survives power loss."""

from seglake.adapters.filesystem.layout import open_data_dir
from seglake.adapters.filesystem.locks import DataDirLock
from seglake.adapters.filesystem.master_key import load_master_keys
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.filesystem.store import FilesystemSegmentStore

__all__ = [
    "DataDirLock",
    "FilesystemSegmentFiles",
    "FilesystemSegmentStore",
    "OsFileSystem",
    "load_master_keys",
    "open_data_dir",
]
