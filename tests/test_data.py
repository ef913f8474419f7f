"""The sample corpus: what its README promises, quotes that stand, documents that can be made again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from collections import Counter
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from ragnb.ingest.archives import members
from ragnb.ingest.loaders import load, suffixes
from tests.conftest import ROOT

DATA = ROOT / "data"
HANDBOOK = DATA / "handbook"
README = (DATA / "README.md").read_text()
QUESTIONS = [json.loads(line) for line in (DATA / "questions.jsonl").read_text().splitlines()]
FILES = sorted(path for path in HANDBOOK.rglob("*") if path.is_file())
MADE = sorted(
    path.with_suffix("").relative_to(DATA / "sources")
    for path in (DATA / "sources").rglob("*.*.*")
    if not path.parent.name.endswith(".zip")
)

OLD_AND_NEW = [
    ("refunds-2024.md", "refunds.md"),
    ("internet-on-board-2025.html", "internet-on-board.html"),
    ("staff/lost-property-2024.docx", "staff/lost-property-2026.docx"),
    ("leaflets/bicycles-2026-03.pdf", "leaflets/bicycles-2026-05.pdf"),
    (
        "staff/email/2026-05-13-instruments-in-the-lounge.eml",
        "staff/email/2026-05-28-instruments-new-rule.eml",
    ),
]

# Companies, products and people that a text on night trains, computers or Sweden might name by accident.
REAL = re.compile(
    r"\b(Deutsche Bahn|S-Bahn|SJ|ÖBB|Nightjet|SNCF|DSB|Vy|Flixtrain|Snälltåget|European Sleeper|Eurostar|Thalys|"
    r"Siemens|Vectron|Alstom|Bombardier|Volvo|Ikea|Spotify|Saab|Scania|Google|Apple|Microsoft|Linux|Excel|"
    r"PowerPoint|Outlook|Facebook|Instagram|WhatsApp|Twitter|YouTube|Netflix|Amazon|Uber|Visa|Mastercard|PayPal|"
    r"OpenAI|ChatGPT|Claude|Anthropic|Wi-Fi|Coca-Cola|Pepsi|Lego|Trangia|Carlsberg|"
    r"Greta Thunberg|Carl Gustaf|Olof Palme|Astrid Lindgren|Ingmar Bergman|Linus Torvalds|Angela Merkel)\b"
)


def collapsed(text: str) -> str:
    return " ".join(text.split())


def blocks_of(path: Path) -> str:
    """The visible text of a file. A format that no loader reads yet skips the test."""
    if path.suffix not in suffixes():
        pytest.skip(f"no loader reads {path.suffix}")
    return collapsed("\n".join(block.text for document in load(path) for block in document.blocks))


@cache
def text_of(document: str) -> str:
    """The visible text of a document, named relative to data/; of one in an archive too."""
    path = DATA / document
    if path.parent.suffix == ".zip":
        texts = {member.name: blocks_of(member.path) for member in members(path.parent) if member.path}
        return texts[path.name]
    return blocks_of(path)


def pairs(question: dict) -> list[tuple[str, str]]:
    """Each document of a question with the quote from it."""
    documents, quotes = question["document"], question["quote"]
    if documents is None:
        return []
    if isinstance(documents, str):
        return [(documents, quotes)]
    return list(zip(documents, quotes, strict=True))


def promised(first_cell: str) -> int:
    """The number that the README's tables give in the second cell of a row."""
    return int(re.search(rf"^\| {re.escape(first_cell)} \| (\d+) \|", README, re.MULTILINE)[1])


def test_ids_are_unique():
    """The questions are numbered from q01 on, without a gap."""
    assert [q["id"] for q in QUESTIONS] == [f"q{number:02}" for number in range(1, len(QUESTIONS) + 1)]


@pytest.mark.parametrize("kind", sorted({q["kind"] for q in QUESTIONS}))
def test_kinds_are_as_many_as_promised(kind):
    """The README says how many questions there are of each kind."""
    assert promised(kind) == sum(q["kind"] == kind for q in QUESTIONS)


def test_formats_are_as_many_as_promised():
    """The README says how many files there are of each format, and of all."""
    found = Counter(path.suffix for path in FILES)
    assert {suffix: promised(f"`{suffix}`") for suffix in found} == found
    assert f"{len(FILES)} files" in README
    assert f"{len(QUESTIONS)} questions" in README


def test_splits_are_stratified():
    """Half of each kind is for tuning and half for testing; the first thirty are for tuning."""
    assert {q["split"] for q in QUESTIONS} == {"tune", "test"}
    assert all(q["split"] == "tune" for q in QUESTIONS[:30])
    for kind in {q["kind"] for q in QUESTIONS}:
        split = Counter(q["split"] for q in QUESTIONS if q["kind"] == kind)
        assert abs(split["tune"] - split["test"]) <= 1, kind


def test_fields_are_as_promised():
    """Two documents have two quotes, unanswerable questions have neither document nor quote."""
    count = {"two documents": 2, "unanswerable": 0}
    for question in QUESTIONS:
        assert set(question) == {"id", "kind", "question", "answer", "document", "quote", "split"}
        assert len(pairs(question)) == count.get(question["kind"], 1), question["id"]
        assert (question["answer"] == "no answer") == (question["kind"] == "unanswerable"), question["id"]


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["document"]], ids=lambda q: q["id"])
def test_quotes_stand_in_their_documents(question):
    """What supports an answer is in the text that a loader reads."""
    for document, quote in pairs(question):
        assert collapsed(quote) in text_of(document), document


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW, ids=lambda name: Path(name).name)
def test_the_right_page_is_the_newer_one(old, new):
    """Of two pages that disagree, the one that is right has the later date in its metadata."""
    if Path(new).suffix not in suffixes():
        pytest.skip(f"no loader reads {Path(new).suffix}")
    dates = [document.metadata["date"] for name in (old, new) for document in load(HANDBOOK / name)]
    assert dates == sorted(dates)
    assert dates[0] != dates[1]


def test_outdated_pages_are_not_quoted():
    """A question of the kind “outdated” is answered from a page that nothing newer corrects."""
    outdated = {f"handbook/{old}" for old, _ in OLD_AND_NEW}
    asked = [q for q in QUESTIONS if q["kind"] == "outdated"]
    assert not {document for q in asked for document, _ in pairs(q)} & outdated


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HANDBOOK).as_posix())
def test_addresses_lead_nowhere(path):
    """Every address and every e-mail in the corpus is at a domain that is kept for examples."""
    if path.suffix == ".zip":
        text = " ".join(text_of(q) for q in {d for q in QUESTIONS for d, _ in pairs(q) if ".zip/" in d})
    else:
        is_text = path.suffix in (".html", ".eml", ".py", ".sql")  # what is hidden in a page counts too
        text = path.read_text() if is_text else text_of(f"handbook/{path.relative_to(HANDBOOK).as_posix()}")
    hosts = re.findall(r"(?:https?://|[\w.]@)([\w.-]+\w)", text)
    assert all(host.endswith(".example") or host == "example.com" for host in hosts), hosts
    assert not REAL.search(text), REAL.search(text)


def test_the_corpus_is_small():
    """The corpus is below one and a half megabytes, sources included."""
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 1_500_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The binary documents, made anew."""
    for library in ("docx", "nbformat", "openpyxl", "pptx", "reportlab"):
        pytest.importorskip(library)
    folder = tmp_path_factory.mktemp("made")
    subprocess.run([sys.executable, DATA / "make_documents.py", folder], check=True, capture_output=True)
    return folder


def test_every_source_is_made(made):
    """Each source has its document, and nothing else is written."""
    archives = [Path("archive.zip")]
    assert sorted(path.relative_to(made) for path in made.rglob("*.*")) == sorted([*MADE, *archives])


@pytest.mark.parametrize("name", [*MADE, Path("archive.zip")], ids=str)
def test_documents_can_be_made_again(made, name):
    """Made with the libraries that are recorded, a document has the same bytes as the one kept here."""
    recorded = json.loads((DATA / "sources" / "versions.json").read_text())
    differing = [library for library, used in recorded.items() if installed(library) != used]
    if differing:
        pytest.skip(f"made with other versions of {', '.join(differing)}")
    assert (made / name).read_bytes() == (HANDBOOK / name).read_bytes()


@pytest.mark.parametrize("name", MADE, ids=str)
def test_documents_say_what_their_sources_say(made, name):
    """Whatever the versions, a document made anew has the same text as the one kept here."""
    assert blocks_of(made / name) == text_of(f"handbook/{name.as_posix()}") != ""


def installed(library: str) -> str:
    if library == "zlib":
        return zlib.ZLIB_RUNTIME_VERSION
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
