"""Subtitles: what is said, in paragraphs that know their seconds."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

from ragnb.documents import Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats.text import decode, title_from
from ragnb.ingest.loaders import loader

_LENGTH = 30.0  # seconds of a paragraph that ends with a sentence
_LONGEST = 45.0  # seconds of one that does not
_SILENCE = 5.0  # seconds without a word that end a paragraph
_MEDIA = (".mp4", ".mkv", ".webm", ".mov", ".mp3", ".m4a", ".wav", ".ogg")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
_MARKUP = re.compile(r"</?[A-Za-z0-9][^<>]*>|\{\\[^{}]*\}")
_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
_LANGUAGE = re.compile(r"\.([A-Za-z]{2})(?:[-_][A-Za-z0-9]{2,8})*$")
_DECLARED = re.compile(r"^Language: *([A-Za-z]{2})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Cue:
    start: float  # seconds
    end: float
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@loader(".vtt", ".srt")
def load_subtitles(path: Path) -> Iterator[Document]:
    """One document a file, in paragraphs of about thirty seconds: ``locator.seconds`` is from the first
    word to the last. Cues that cannot be read are left out.

    ``metadata`` has ``lang`` where the name (``talk.en.vtt``) or the file says it, and ``media``, the
    recording of the same name beside the file.
    """
    text = decode(path.read_bytes())
    cues = _unrolled(list(_cues(text, path.suffix.lower())))
    if not cues:
        raise IngestError("It has no subtitle that can be read.", "Check that its cues have their times.")
    named = _LANGUAGE.search(path.stem)
    declared = _DECLARED.search(text.split("\n\n", 1)[0])
    stem = path.stem[: named.start()] if named else path.stem
    metadata = {"lang": language[1].lower()} if (language := named or declared) else {}
    if media := _media(path, (path.stem, stem)):
        metadata["media"] = media.as_posix()
    yield Document(
        title=title_from(Path(f"{stem}{path.suffix}")),
        source=path.as_posix(),
        metadata=metadata,
        blocks=list(_paragraphs(cues)),
    )


def _media(path: Path, stems: tuple[str, ...]) -> Path | None:
    candidates = (path.with_name(stem + suffix) for stem in stems for suffix in _MEDIA)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _cues(text: str, suffix: str) -> Iterator[_Cue]:
    import webvtt

    form = "vtt" if text.startswith("WEBVTT") else suffix[1:]
    content = _numbered(text) if form == "srt" else text
    try:
        captions: list[Any] = webvtt.from_buffer(io.StringIO(content), format=form).captions
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError) as error:
        raise IngestError(
            f"It does not begin as a {suffix} file does.", "Check the file, or give it its true suffix."
        ) from error
    for caption in captions:
        start = caption.start_time.in_milliseconds() / 1000
        end = caption.end_time.in_milliseconds() / 1000
        lines = tuple(filter(None, (" ".join(line.split()) for line in _plain(caption.raw_text))))
        if lines and end >= start:
            yield _Cue(start, end, lines)


def _numbered(text: str) -> str:
    """SubRip with every cue numbered, as its parser wants it, and without cues that have no times."""
    lines: list[str] = []
    count = number = 0
    is_broken = True  # what stands above the first cue is none
    before = ""
    for line in text.split("\n"):
        if "-->" in line:
            if not is_broken and lines[-1].strip().isdecimal():
                lines.pop()
            count += 1
            lines += ["", str(count), line]
            is_broken = False
        elif not before.strip() and line.strip() == str(number + 1):
            number += 1
            is_broken = True  # until its times come
        elif not is_broken:
            lines.append(line)
        before = line
    return "\n".join(lines).strip()


def _plain(text: str) -> list[str]:
    """The lines of a cue without markup; who speaks stands at the beginning of a line."""
    return unescape(_MARKUP.sub("", _VOICE.sub(r"\n\1: ", text))).split("\n")


def _unrolled(cues: list[_Cue]) -> list[_Cue]:
    """Cues without what they repeat of the one before, where captions roll up or grow by the word."""
    pairs = list(pairwise(cues))
    overlaps = [_overlap(before, cue) for before, cue in pairs]
    if sum(1 for overlap in overlaps if overlap) < max(2, len(pairs) / 3):
        return cues  # a word that is said twice is no rolling caption
    unrolled = cues[:1]
    for (_, cue), overlap in zip(pairs, overlaps, strict=True):
        rest = " ".join(cue.text.split()[overlap:])
        if rest:
            unrolled.append(_Cue(cue.start, cue.end, (rest,)))
        else:
            unrolled[-1] = _Cue(unrolled[-1].start, max(unrolled[-1].end, cue.end), unrolled[-1].lines)
    return unrolled


def _overlap(before: _Cue, cue: _Cue) -> int:
    """How many words a cue repeats: all of the one before, or its last lines."""
    if cue.start - before.end > 1:
        return 0
    earlier, words = before.text.split(), cue.text.split()
    if words[: len(earlier)] == earlier:
        return len(earlier)
    for count in range(len(cue.lines), 0, -1):
        repeated = " ".join(cue.lines[:count]).split()
        if earlier[-len(repeated) :] == repeated:
            return len(repeated)
    return 0


def _paragraphs(cues: list[_Cue]) -> Iterator[Block]:
    held: list[_Cue] = []
    for cue in cues:
        if held and _is_over(held, cue):
            yield _paragraph(held)
            held = []
        held.append(cue)
    yield _paragraph(held)


def _is_over(held: list[_Cue], following: _Cue) -> bool:
    length = held[-1].end - held[0].start
    has_ended = _END.search(held[-1].text) is not None
    silence = following.start - held[-1].end
    return length >= (_LENGTH if has_ended else _LONGEST) or silence >= _SILENCE


def _paragraph(cues: list[_Cue]) -> Block:
    """The cues as running text; each speaker begins a line."""
    lines: list[str] = []
    speaker = ""
    for line in (line for cue in cues for line in cue.lines):
        named, _, said = line.partition(": ")
        is_named = bool(said) and len(named) <= 40 and named[:1].isupper() and len(named.split()) <= 4
        if not lines or (is_named and named != speaker):
            lines.append(line)
        else:
            lines[-1] += f" {said if is_named else line}"
        speaker = named if is_named else speaker
    span = (min(cue.start for cue in cues), max(cue.end for cue in cues))
    return Block("\n".join(lines), locator=Locator(seconds=span))
