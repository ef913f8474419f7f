"""Mail messages: who wrote what to whom, without opening what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import groupby
from pathlib import Path

from ragnb.documents import NOWHERE, Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats import html
from ragnb.ingest.formats.text import decode, paragraphs, title_from
from ragnb.ingest.loaders import loader

_EXPECTED = frozenset(("from", "to", "date", "subject", "received", "message-id", "return-path", "sender"))
_CHARSET = re.compile(r"<meta[^>]+charset[^>]*>|<\?xml[^>]*\?>", re.IGNORECASE)


@loader(".eml")
def load_mail(path: Path) -> Iterator[Document]:
    """One document a message: its header, its text (plain, else HTML), the names of its attachments.

    ``metadata`` has ``author``, ``to`` and ``date``. Only the text of a message that has nothing else and
    is not encoded has ``lines``: elsewhere the lines of the file are not those of the text.
    """
    content = path.read_bytes()
    if b"\0" in content[:65536]:
        raise IngestError("It is a binary file, not a mail message.")
    message = BytesParser(policy=policy.compat32).parsebytes(content)
    if not _EXPECTED & {name.lower() for name in message}:
        raise IngestError("It is no mail message: it has no header.", "Save the message as .eml again.")
    body = _body(message)
    subject = _header(message, "Subject")
    yield Document(
        title=subject or title_from(path),
        source=path.as_posix(),
        metadata=_metadata(message),
        blocks=[*_heading(message), *_text(body, content), *_attachments(message, body)],
    )


def _metadata(message: Message) -> dict[str, str]:
    found = {"author": _people(message, "From"), "to": _people(message, "To"), "date": _day(message)}
    return {name: value for name, value in found.items() if value}


def _heading(message: Message) -> Iterator[Block]:
    """The header as a paragraph, so that a question for it finds the message."""
    names = ("From", "To", "Cc")
    lines = [f"{name}: {value}" for name in names if (value := _header(message, name))]
    if day := _day(message):
        lines.append(f"Date: {day}")
    if lines:
        yield Block("\n".join(lines), "list")


def _header(message: Message, name: str) -> str:
    return _decoded(next(iter(_raw(message, name)), ""))


def _raw(message: Message, name: str) -> list[str]:
    """The headers of a name as they are written, in whatever encoding that was done."""
    values = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
    return [decode(value.encode("utf-8", "surrogateescape").replace(b"\0", b"")) for value in values]


def _people(message: Message, name: str) -> str:
    """The names of those in a header, or their addresses where they have none."""
    people = [_decoded(person) or address for person, address in getaddresses(_raw(message, name))]
    return ", ".join(person for person in people if person)


def _decoded(text: str) -> str:
    """A header's text without its encoded words."""
    text = " ".join(text.split())
    try:
        text = str(make_header(decode_header(text)))
    except (LookupError, ValueError, MessageError):  # an unknown charset, broken Base64
        pass
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _day(message: Message) -> str:
    try:
        return parsedate_to_datetime(str(message["Date"])).date().isoformat()
    except (TypeError, ValueError):  # missing, or no date
        return ""


def _body(message: Message) -> Message | None:
    """The part that is read: the first plain text that is no attachment, else the first HTML."""
    texts = [part for part in _parts(message) if not _is_attached(part)]
    for kind in ("text/plain", "text/html"):
        for part in texts:
            if part.get_content_type() == kind and _decoded_text(part).strip():
                return part
    return None


def _parts(message: Message) -> Iterator[Message]:
    """The parts that hold something; a message within the message is one of them."""
    stack = [message]
    while stack:
        part = stack.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            stack.extend(one for one in reversed(inner) if isinstance(one, Message))
        else:
            yield part


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text"


def _decoded_text(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        text = content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):  # a charset that is unknown or not the true one
        return decode(content.replace(b"\0", b""))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text(body: Message | None, content: bytes) -> Iterator[Block]:
    if body is None:
        return
    text = _decoded_text(body)
    if body.get_content_type() == "text/html":
        for block in html.read(_CHARSET.sub("", text).encode())[1]:
            yield replace(block, locator=NOWHERE)
        return
    first = _first_line(body, content)
    number = first or 1
    for _, run in groupby(text.split("\n"), key=lambda line: line.startswith(">")):
        lines = list(run)  # what is quoted from an earlier message stands apart
        for block in paragraphs("\n".join(lines), number):
            yield block if first else replace(block, locator=Locator())
        number += len(lines)


def _first_line(body: Message, content: bytes) -> int:
    """The number of the body's first line in the file, 0 where their lines are not the same."""
    encoding = str(body.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if "From" not in body or encoding not in ("7bit", "8bit", "binary"):
        return 0
    header = re.search(rb"\r?\n\r?\n", content)
    return content.count(b"\n", 0, header.end()) + 1 if header else 0


def _attachments(message: Message, body: Message | None) -> Iterator[Block]:
    names = []
    for part in _parts(message):
        name = _filename(part)
        if part is not body and (name or _is_attached(part)):
            names.append(name or part.get_content_type())
    if names:
        yield Block(f"Attachments: {', '.join(names)}")


def _filename(part: Message) -> str:
    inner = part.get_payload()
    if part.get_content_type() == "message/rfc822" and isinstance(inner, list) and inner:
        first = inner[0]
        return _header(first, "Subject") if isinstance(first, Message) else ""
    try:
        return _decoded(part.get_filename() or "")
    except (LookupError, ValueError):
        return ""
