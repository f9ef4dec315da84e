"""The S3 wire protocol as pure codecs: bytes and strings in, frozen values out, no sockets, no clock."""
