"""The seam: text and continuation, joined, are the answer, wherever it was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragnb.resumption.evidence import anchor, is_repetition, overlap, preamble, telling
from ragnb.resumption.seam import DivergedError, Seam, Trust
from ragnb.simulator.continuation import opening
from tests.resumption.cases import ANSWER, BEHAVIOURS
from tests.resumption.texts import ALL, CJK, CODE, EMOJI, PROSE, SONG, WORDS, pieces

TRULY = [PROSE, EMOJI, CJK, CODE]  # no beginning of them comes twice
REPEATING = st.builds(
    lambda a, b, n, m: a + b * n + a * m,
    st.text(alphabet="ab \né🦊語\u0301", max_size=8),
    st.text(alphabet="ab .\né🦊語\u0301", max_size=12),
    st.integers(0, 12),
    st.integers(0, 4),
)


def join(text, continuation, trust, size=3, **known):
    seam = Seam(text, trust, **known)
    new = "".join(map(seam.feed, pieces(continuation, size))) + seam.close()
    assert len(new) + seam.trimmed == len(continuation)
    return text + new


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_anchor_at_every_cut(text, size):
    """A continuation that begins with the last words is joined without them."""
    for cut in range(1, len(text)):
        out = text[:cut]
        if not out.strip():
            continue
        words = anchor(out)
        after = text[len(out.rstrip()) :]
        assert join(out, words + after, Trust.ANCHOR, size, sent=out.rstrip(), anchor=words) == text


@given(REPEATING, st.integers(0, 500), st.integers(1, 9))
def test_anchor_in_texts_that_repeat_themselves(text, cut, size):
    """What the model repeats by itself stays: exactly the words that were asked for are trimmed."""
    out = text[: cut % (len(text) + 1)]
    if not out.strip():
        return
    words = anchor(out)
    after = text[len(out.rstrip()) :]
    assert join(out, words + after, Trust.ANCHOR, size, sent=out.rstrip(), anchor=words) == text


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize(
    "before", ["Sure, continuing:\n\n", "Sure, continuing: ", "“", "… ", "Okay, let me pick up:\n"]
)
def test_what_comes_before_the_anchor_is_dropped(text, before):
    """A preamble or quotation marks before the last words are no part of the answer."""
    for cut in range(1, len(text)):
        out = text[:cut]
        if not out.strip():
            continue
        words = anchor(out)
        continuation = before + words + text[len(out.rstrip()) :]
        assert join(out, continuation, Trust.ANCHOR, sent=out.rstrip(), anchor=words) == text


@pytest.mark.parametrize("text", TRULY)
def test_more_than_the_anchor_repeated(text):
    """A model that repeats more than it was asked to, or all of it, is mended at every length."""
    for cut in range(60, len(text), 3):
        out = text[:cut]
        words = anchor(out, shortest=20)
        for start in range(0, len(out.rstrip()) - len(words) + 1, 5):
            assert join(out, text[start:], Trust.ANCHOR, sent=out.rstrip(), anchor=words) == text


def is_lost(text, cut, how, trust):
    """Whether any of the rest does not stand when a model goes on like this; None where a model that says
    more of the last words again would say just the same."""
    out, sent = text[:cut], text[:cut].rstrip()
    words = anchor(out) if trust is Trust.ANCHOR else ""
    begins = opening(how, sent, words)
    rest = text[len(sent) :]
    continuation = begins.words + (rest.lstrip() if begins.strip_rest else rest)
    said, again = len(begins.words.strip()), continuation.lstrip()
    for length in range(said + 1, len(sent) + 1):
        last = sent[-length:]
        if not again.startswith(last):
            continue
        if (telling(sent) and last == sent) or (
            trust is Trust.ANCHOR and (telling(last) or last.endswith(words))
        ):
            return None
    joined = join(out, continuation, trust, 1000, sent=sent, anchor=words)
    return not joined.endswith(text[cut:].lstrip() if begins.strip_rest else text[cut:])


@pytest.mark.parametrize("trust", [Trust.ANCHOR, Trust.PROTOCOL])
@pytest.mark.parametrize("how", BEHAVIOURS.values(), ids=BEHAVIOURS)
@pytest.mark.parametrize("text", [ANSWER, *ALL, f"{SONG}\n\n{SONG}"])
def test_nothing_is_lost(text, how, trust):
    """However a model goes on, what it says that is new stands: rather something twice than something lost."""
    cuts = [cut for cut in range(1, len(text)) if text[:cut].strip()]
    lost = {cut: is_lost(text, cut, how, trust) for cut in cuts}
    assert [cut for cut in cuts if lost[cut]] == []
    assert [*lost.values()].count(None) < len(cuts) / 2


@given(
    REPEATING,
    st.integers(0, 500),
    st.sampled_from([*BEHAVIOURS.values()]),
    st.sampled_from([Trust.ANCHOR, Trust.PROTOCOL]),
)
def test_nothing_is_lost_of_texts_that_repeat_themselves(text, cut, how, trust):
    """Nor where a text says the same again, unless it does so right at the cut."""
    cut %= len(text) + 1
    if text[:cut].strip():
        assert not is_lost(text, cut, how, trust)


def test_the_same_line_later_is_not_the_last_words():
    """The words that were asked for, after something new, are the answer's own."""
    line = "Row, row, row your boat, gently down the stream."
    continuation = f" down the stream. Life is but a dream. {line} Merrily."
    assert (
        join(line, continuation, Trust.ANCHOR, anchor=line)
        == f"{line} Life is but a dream. {line} Merrily."
    )
    assert (
        join(line[:-1], f". {line} Merrily.", Trust.ANCHOR, anchor=line[:-1]) == f"{line} {line} Merrily."
    )


@pytest.mark.parametrize("text", [PROSE, CJK])
def test_a_model_that_does_not_obey(text):
    """One that goes on at once, or after a preamble, or repeats less than asked: nothing lost, nothing twice."""
    for cut in range(60 if text == PROSE else 40, len(text)):
        out = text[:cut]
        if out[-1].isspace():
            continue
        words = anchor(out)
        for continuation in (text[cut:], text[cut - 16 :]):
            assert join(out, continuation, Trust.ANCHOR, anchor=words) == text


@pytest.mark.parametrize("text", ALL)
def test_prefill_at_every_cut(text):
    """An exact continuation is joined as it is, white space that was not sent with it included."""
    for cut in range(1, len(text)):
        out = text[:cut]
        if text.startswith(out, cut) and telling(out):
            continue  # the answer begins by saying the same twice: taken for an echo
        sent = out.rstrip()
        assert join(out, text[cut:], Trust.PROTOCOL) == text
        assert join(out, text[len(sent) :], Trust.PROTOCOL, sent=sent) == text
        if out != sent and not text[cut : cut + 1].isspace():  # white space that was not said again
            assert join(out, text[cut:], Trust.PROTOCOL, sent=sent) == text


@pytest.mark.parametrize("text", ALL)
def test_an_echo_is_dropped(text):
    """A provider that repeats what it was sent is mended: from the first character if that is known, else
    where it cannot be chance."""
    for cut in range(1, len(text)):
        out = text[:cut]
        assert join(out, text, Trust.PROTOCOL, echoes=True) == text
        if telling(out):
            assert join(out, text, Trust.PROTOCOL) == text


@given(REPEATING, st.integers(0, 500), st.integers(1, 9))
def test_cursor_and_replay_are_exact(text, cut, size):
    """A cursor trims nothing, a replay exactly what is out."""
    cut %= len(text) + 1
    assert join(text[:cut], text[cut:], Trust.CURSOR, size) == text
    assert join(text[:cut], text, Trust.REPLAY, size) == text


@pytest.mark.parametrize("continuation", ["another answer", PROSE[:20], ""])
def test_a_replay_that_differs_is_told(continuation):
    """A model that was thought to be deterministic and is not, is found out."""
    with pytest.raises(DivergedError):
        join(PROSE[:40], continuation, Trust.REPLAY)


@pytest.mark.parametrize("text", TRULY)
def test_evidence(text):
    """Where nothing was agreed, a long repeat is trimmed, and a short one may be the model's own."""
    for cut in range(50, len(text)):
        out = text[:cut]
        assert join(out, text[cut:], Trust.EVIDENCE) == text
        for back in (24, 30, cut):
            if telling(out[cut - back :]) and out.count(out[cut - back :]) == 1:
                assert join(out, text[cut - back :], Trust.EVIDENCE) == text
    assert join("so many words", "words words", Trust.EVIDENCE) == "so many words" + "words words"
    assert join(WORDS[:29], WORDS[29:], Trust.EVIDENCE) == WORDS


@pytest.mark.parametrize("text", TRULY)
def test_little_is_held_back(text):
    """After a prefill or a cursor nothing waits that is new; after the last words nothing at all."""
    for cut in range(20, len(text) - 1):
        out = text[:cut]
        seam = Seam(out, Trust.PROTOCOL)
        fed = ""
        for piece in pieces(text[cut:], 1):
            fed += piece
            seam.feed(piece)
            assert seam.is_settled or out.startswith(fed)
        if not out[-1].isspace():
            seam = Seam(out, Trust.ANCHOR, anchor=anchor(out))
            assert seam.feed(anchor(out) + text[cut]) == text[cut]


def test_anchors():
    """The last words are whole words, stand in the text once where that is possible, and are not long."""
    assert anchor("short") == "short"
    assert anchor("short ") == "short"
    assert anchor(SONG[:96]).startswith("Row, row") is False
    twice = f"{WORDS}. {WORDS}. {WORDS}"[:147]
    assert twice.find(anchor(twice)) == twice.rfind(anchor(twice))
    for text in ALL:
        for cut in range(1, len(text)):
            words = anchor(text[:cut])
            assert text[:cut].rstrip().endswith(words)
            assert len(words) <= 220


def test_evidence_in_words():
    """Repetitions tell nothing; overlaps that stand in the text twice neither."""
    assert is_repetition("words words words")
    assert is_repetition("haha")
    assert not is_repetition("a sentence, once")
    assert not telling("short")
    assert telling("自行车预订费用")
    assert overlap("the end of a long sentence", "of a long sentence goes on") == 18
    assert overlap("words words words words", "words words words words") == 0
    assert preamble("Sure, continuing: and so") == 18
    assert preamble("Sure, it costs: 5") == 0
