"""Web pages and files by their addresses, one at a time."""

from __future__ import annotations

import mimetypes
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ragnb.errors import IngestError
from ragnb.ingest.loaders import suffixes

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_LARGEST = 200 << 20  # bytes
_TIMEOUT = 20.0  # seconds without a byte
_FORMATS = {"text/html": ".html", "application/xhtml+xml": ".html", "text/plain": ".txt"}
_FORMATS |= {"text/markdown": ".md", "application/x-ipynb+json": ".ipynb", "application/jsonl": ".jsonl"}


def fetch(address: str, folder: Path) -> Path:
    """Download what stands at an address into a new folder below ``folder``.

    Raises `IngestError` for an address that does not answer, answers with an error, with more than 200 MB,
    or with a format that no loader reads.
    """
    import httpx2

    try:
        with (
            httpx2.Client(follow_redirects=True, timeout=_TIMEOUT, max_redirects=10) as client,
            client.stream("GET", address, headers={"User-Agent": "ragnb"}) as response,
        ):
            if response.is_error:
                answer = f"{response.status_code} {response.reason_phrase}".strip()
                raise IngestError(f"The server answered {answer}.", "Check the address in a browser.")
            name = _name(str(response.url), response.headers.get("content-type", ""))
            path = Path(tempfile.mkdtemp(dir=folder), name)
            size = 0
            with path.open("wb") as file:
                for part in response.iter_bytes():
                    size += len(part)
                    if size > _LARGEST:
                        raise IngestError(
                            f"It is larger than {_LARGEST >> 20} MB.", "Download it and ingest the file."
                        )
                    file.write(part)
            return path
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise IngestError(
            f"It cannot be reached: {_ERRNO.sub('', str(error)) or type(error).__name__}.",
            "Check the address and the network.",
        ) from error


def _name(address: str, content_type: str) -> str:
    """A file name whose ending says the format, by what the server says it is, else by the address."""
    path = PurePosixPath(unquote(urlsplit(address).path))
    stem = path.name.replace(os.sep, "_")[:100].strip(".") or urlsplit(address).hostname or "page"
    kind = content_type.partition(";")[0].strip().lower()
    suffix = _FORMATS.get(kind) or mimetypes.guess_extension(kind) or ""
    if path.suffix.lower() in suffixes() and (suffix in ("", ".txt", ".bin") or kind.endswith("/xml")):
        return stem
    if suffix not in suffixes():
        raise IngestError(f"No loader reads {kind or 'it'}.", "Add one with @ragnb.loader.")
    return f"{PurePosixPath(stem).stem}{suffix}"
