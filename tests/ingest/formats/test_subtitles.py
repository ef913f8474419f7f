"""Subtitles."""

from __future__ import annotations

from pathlib import Path

import pytest
import webvtt

from ragnb.documents import Block, Document
from ragnb.errors import IngestError
from ragnb.ingest.chunking import chunk
from ragnb.ingest.formats.subtitles import load_subtitles


def load(path: Path, content: str) -> tuple[Document, list[Block]]:
    path.write_text(content, encoding="utf-8")
    [document] = load_subtitles(path)
    return document, list(document.blocks)


def clock(seconds: float, mark: str = ".") -> str:
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}{mark}{round(seconds % 1 * 1000):03}"


@pytest.mark.parametrize("suffix", [".vtt", ".srt"])
def test_locators_are_true(tmp_path: Path, suffix: str) -> None:
    """Every sentence of every chunk is said between its seconds."""
    mark = "." if suffix == ".vtt" else ","
    cues = [
        f"{n + 1}\n{clock(n * 4, mark)} --> {clock(n * 4 + 3.5, mark)}\nThis is number {n},\nand it ends here{'.' if n % 2 else ''}\n"
        for n in range(60)
    ]
    path = tmp_path / f"a{suffix}"
    document, _ = load(path, ("WEBVTT\n\n" if suffix == ".vtt" else "") + "\n".join(cues))
    written = webvtt.read(str(path)) if suffix == ".vtt" else webvtt.from_srt(str(path))
    found = list(chunk(document, name="a", budget=80, count=lambda texts: [len(t.split()) for t in texts]))
    assert len(found) > 5
    for one in found:
        start, end = one.locator.seconds or (0.0, 0.0)
        said = " ".join(
            cue.text.replace("\n", " ")
            for cue in written
            if cue.start_time.in_milliseconds() >= start * 1000
            and cue.end_time.in_milliseconds() <= end * 1000
        )
        assert all(part in said for part in one.text.split("\n\n"))
    assert sum(one.text.count("number") for one in found) == 60


def test_paragraphs_end_with_sentences(tmp_path: Path) -> None:
    """After thirty seconds where one ends, after 45 where none does, and at a silence."""
    said = [
        (0, 20, "One"),
        (20, 32, "two."),
        (32, 60, "Three"),
        (60, 80, "four"),
        (80, 90, "five"),
        (99, 100, "Six."),
    ]
    content = "WEBVTT\n\n" + "\n\n".join(f"{clock(a)} --> {clock(b)}\n{text}" for a, b, text in said)
    _, found = load(tmp_path / "a.vtt", content)
    assert [(b.text, b.locator.seconds) for b in found] == [
        ("One two.", (0, 32)),
        ("Three four", (32, 80)),
        ("five", (80, 90)),
        ("Six.", (99, 100)),
    ]


def test_rolling_captions_are_read_once(tmp_path: Path) -> None:
    """Captions that roll up show every line twice, with the time of every word."""
    lines = ["hello and welcome", "to the night train", "which leaves at nine", "from platform two"]
    cues, before = [], " "
    for n, line in enumerate(lines):
        words = line.replace(" and", "<00:00:00.500><c> and</c>")
        cues.append(f"{clock(n * 2)} --> {clock(n * 2 + 1.99)} align:start\n{before}\n{words}")
        cues.append(f"{clock(n * 2 + 1.99)} --> {clock(n * 2 + 2)} align:start\n{line}\n ")
        before = line
    _, [block] = load(tmp_path / "a.vtt", "WEBVTT\nKind: captions\n\n" + "\n\n".join(cues))
    assert block.text == " ".join(lines)
    assert block.locator.seconds == (0, 8)


def test_what_is_said_twice_stays(tmp_path: Path) -> None:
    """A repetition is no rolling caption."""
    _, [block] = load(
        tmp_path / "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n",
    )
    assert block.text == "No. No."


def test_markup_is_removed_and_speakers_are_named(tmp_path: Path) -> None:
    """Tags, positions and entities are no words; a speaker is named when it changes."""
    _, [block] = load(
        tmp_path / "a.vtt",
        "WEBVTT\n\nNOTE a comment\n\nSTYLE\n::cue {}\n\n00:01.000 --> 00:02.000 line:0\n<v.loud Anna Berg>Hi &amp; <i>hello</i>.</v>\n\n"
        "00:02.000 --> 00:03.000\n<v Anna Berg>Dogs?\n<v Bo>Yes, 3 &lt; 4.\n",
    )
    assert block.text == "Anna Berg: Hi & hello. Dogs?\nBo: Yes, 3 < 4."
    _, [block] = load(
        tmp_path / "a.srt", '1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<font color="red">Red</font> 3 < 4\n'
    )
    assert block.text == "Red 3 < 4"


def test_broken_cues_are_left_out(tmp_path: Path) -> None:
    """Those without times, and those with impossible ones; the others are read."""
    _, [block] = load(
        tmp_path / "a.srt",
        "\n1\nno times\nlost\n\n2\n00:00:01,000 --> 00:00:02,000\nOne\n\n3\nlost\n\n4\n00:00:xx --> 2\nlost\n\n5\n00:00:03,000 --> 00:00:04,000\nTwo\n",
    )
    assert (block.text, block.locator.seconds) == ("One Two", (1, 4))
    _, [block] = load(
        tmp_path / "a.vtt", "WEBVTT\n\n00:01.000 -> 00:02.000\nlost\n\n00:03.000 --> 00:04.000\nTwo\n"
    )
    assert block.text == "Two"


def test_cues_without_numbers_are_read(tmp_path: Path) -> None:
    """Some programs leave the numbers of SubRip out."""
    _, [block] = load(
        tmp_path / "a.srt",
        "00:00:01,000 --> 00:00:02,000\nOne\n\n00:00:02,000 --> 00:00:03,000\n1984\ntwo\n",
    )
    assert block.text == "One 1984 two"


@pytest.mark.parametrize("content", ["", "WEBVTT\n", "hello\n", "1\nx --> y\nhello\n"])
def test_a_file_without_cues_is_told(tmp_path: Path, content: str) -> None:
    """There is nothing to cite."""
    for suffix in (".vtt", ".srt"):
        with pytest.raises(IngestError):
            load(tmp_path / f"a{suffix}", content)


def test_the_recording_and_the_language(tmp_path: Path) -> None:
    """The language is that of the name, else the file's own; the recording stands beside it."""
    cue = "00:01.000 --> 00:02.000\nHallo\n"
    (tmp_path / "night_talk.webm").touch()
    document, _ = load(tmp_path / "night_talk.de-AT.vtt", f"WEBVTT\n\n{cue}")
    assert document.title == "Night talk"
    assert document.metadata == {"lang": "de", "media": (tmp_path / "night_talk.webm").as_posix()}
    document, _ = load(tmp_path / "other.vtt", f"WEBVTT\nLanguage: nb\n\n{cue}")
    assert document.metadata == {"lang": "nb"}
