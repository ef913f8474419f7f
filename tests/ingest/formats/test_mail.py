"""Mail messages."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.mail import load_mail


def message(text: str = "Hello.", **options: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Jörg Müller <joerg@example.org>"
    mail["To"] = "Åse Berg <aase@example.org>, bo@example.org"
    mail["Date"] = "Mon, 02 Mar 2026 23:30:00 +0100"
    mail["Subject"] = "Café wagon"
    mail.set_content(text, **options)
    return mail


def load(path: Path, content: bytes | EmailMessage) -> tuple[Document, list[Block]]:
    path.write_bytes(content if isinstance(content, bytes) else content.as_bytes())
    [document] = load_mail(path)
    return document, list(document.blocks)[1:]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_locators_are_true(tmp_path: Path, end: str) -> None:
    """Of a plain message every sentence of every chunk stands in its lines of the file."""
    body = "\n\n".join(
        f"Paragraph {n} begins here\nand ends here." + "\n> quoted\n> twice" * (n % 2) for n in range(20)
    )
    content = f"From: a@example.org\nX-Long: one\n two\nSubject: Hi\n\n{body}\n".replace("\n", end)
    document, _ = load(tmp_path / "a.eml", content.encode())
    written = (tmp_path / "a.eml").read_text().split("\n")
    found = list(chunk(document, name="a", budget=40, count=lambda texts: [len(t.split()) for t in texts]))
    assert len(found) > 5
    for one in found:
        first, last = one.locator.lines or (0, 0)
        within = "\n".join(written[first - 1 : last])
        for part in one.text.split("\n\n"):
            assert part in within or part == "From: a@example.org"


@pytest.mark.parametrize("cte", ["quoted-printable", "base64"])
def test_an_encoded_text_has_no_lines(tmp_path: Path, cte: str) -> None:
    """The lines of the file would not be those of the text."""
    _, [block] = load(tmp_path / "a.eml", message("Æ " * 100, cte=cte))
    assert (block.text.strip(), block.locator.lines) == (("Æ " * 100).strip(), None)


def test_headers_are_metadata_and_text(tmp_path: Path) -> None:
    """Decoded; the day is that of the sender's clock."""
    document, _ = load(tmp_path / "a.eml", message())
    assert document.title == "Café wagon"
    assert document.metadata == {
        "author": "Jörg Müller",
        "to": "Åse Berg, bo@example.org",
        "date": "2026-03-02",
    }
    header = next(iter(document.blocks)).text.splitlines()
    assert header[0] == "From: Jörg Müller <joerg@example.org>"
    assert header[-1] == "Date: 2026-03-02"


def test_plain_text_is_preferred(tmp_path: Path) -> None:
    """HTML is read where it is all there is, or where the plain text is empty."""
    mail = message("Plain.")
    mail.add_alternative("<p>Rich.</p>", subtype="html")
    assert [b.text for b in load(tmp_path / "a.eml", mail)[1]] == ["Plain."]
    mail = message(" ")
    mail.add_alternative("<h2>Dogs</h2><p>Welcome.</p>", subtype="html")
    assert [(b.kind, b.text, b.locator.lines) for b in load(tmp_path / "a.eml", mail)[1]] == [
        ("heading", "Dogs", None),
        ("paragraph", "Welcome.", None),
    ]


def test_html_in_another_charset(tmp_path: Path) -> None:
    """The charset of the part counts, not the one in the page."""
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>Smørbrød</p></body></html>'
    content = "From: a@b\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n" + page
    assert [b.text for b in load(tmp_path / "a.eml", content.encode())[1]] == ["Smørbrød"]


def test_quoted_replies_stand_apart(tmp_path: Path) -> None:
    """What another wrote is a paragraph of its own."""
    _, found = load(tmp_path / "a.eml", message("Yes.\n> May I?\n> Please\nBye.\n"))
    assert [block.text for block in found] == ["Yes.", "> May I?\n> Please", "Bye."]


def test_attachments_are_named(tmp_path: Path) -> None:
    """Not opened, whether they are files, pictures in the text or messages."""
    mail = message()
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Menü.pdf")
    mail.add_attachment("a,b", filename="fares.csv")
    mail.add_attachment(message("Inner."))
    _, found = load(tmp_path / "a.eml", mail)
    assert [block.text.strip() for block in found] == [
        "Hello.",
        "Attachments: Menü.pdf, fares.csv, Café wagon",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b\nSubject: =?nonsense?q?x?=\nContent-Type: text/plain; charset=nonsense\n\nD\xf8gn\n",
        b"From: a@b\nSubject: =?iso-\xf859-1?q?x?=\n\nD\xc3\xb8gn\n",
        b"From: a@b\nSubject: x\nContent-Type: text/plain; charset=ascii\n\nD\xc3\xb8gn\n",
        b"From: a@b\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\nD\xf8gn\n",
    ],
)
def test_a_wrong_charset_does_not_matter(tmp_path: Path, content: bytes) -> None:
    """Unknown, or not the true one."""
    assert load(tmp_path / "a.eml", content)[1][0].text == "Døgn"


def test_headers_in_raw_utf8(tmp_path: Path) -> None:
    """As some programs write them, against the rules."""
    document, _ = load(
        tmp_path / "a.eml", "From: Åse <a@example.org>\nSubject: Døgn\nDate: no date\n\nHi\n".encode()
    )
    assert (document.title, document.metadata) == ("Døgn", {"author": "Åse"})


def test_a_message_that_broke_off(tmp_path: Path) -> None:
    """What came is read."""
    mail = message("Hello there.")
    mail.add_attachment(b"x" * 500, maintype="image", subtype="png", filename="a.png")
    _, found = load(tmp_path / "a.eml", mail.as_bytes()[:-600])
    assert found[0].text.strip() == "Hello there."


@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"PK\x03\x04\0\0", b"Title: x\n\nhello\n"])
def test_what_is_no_message_is_told(tmp_path: Path, content: bytes) -> None:
    """Bytes, and texts without a header of mail."""
    (tmp_path / "a.eml").write_bytes(content)
    with pytest.raises(IngestError):
        list(load_mail(tmp_path / "a.eml"))
