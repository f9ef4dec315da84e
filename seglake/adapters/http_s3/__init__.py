"""The S3 endpoint over aiohttp: requests become use cases, their results become what AWS documents."""
