"""What people see: safe, complete, and the same words everywhere."""

from __future__ import annotations

import io
import itertools
import json
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html
from markdown_it import MarkdownIt
from msgspec.structs import replace

from ragnb.answer import Answer
from ragnb.citations import MarkerReader
from ragnb.display import terminal
from ragnb.display.markup import to_html
from ragnb.display.static import mimebundle
from ragnb.display.words import money, pace, stages
from ragnb.documents import Locator
from ragnb.events import (
    Cancelled,
    Cited,
    Failed,
    Finished,
    Quote,
    Resumed,
    Retrieved,
    Retrying,
    Routed,
    Started,
    Token,
    Used,
)
from tests.conftest import ROOT, hits

PASSAGES = hits("Refunds take <b>five</b> days. Ask.", "Dogs & cats are welcome.", "Other.")


def log(*events, k=3):
    answer = Answer(clock=iter(n * 0.01 for n in range(10**6)).__next__)
    for event in (Started(answer_id="a", question="Why <i>?", k=k), *events):
        answer.append(event)
    return answer


def written(text, *end, citing=True):
    found = MarkerReader(PASSAGES)
    events = [Retrieved(hits=PASSAGES), Routed(model="openai:gpt-4o-mini", reason="you asked for it")]
    events.append(Token(text=text))
    events += found.feed(text) + found.close() if citing else []
    return log(*events, *end)


USED = Used(model="openai:gpt-4o-mini", input_tokens=1200, output_tokens=30, cost=0.00123)
DONE = (USED, Finished(reason="stop"))


def test_a_filter_is_told():
    """Beside the question stands of which documents it was asked."""
    answer = Answer()
    answer.append(Started(answer_id="a", question="Why?", k=3, where={"lang": "<de>"}))
    page = lxml_html.fromstring(mimebundle(answer)["text/html"])
    assert 'Why? (where {"lang":"<de>"})' in " ".join(page.text_content().split())


def test_finished():
    """Text, chips, marked quotes, sources, model, times and cost are there in all three forms."""
    bundle = mimebundle(written("**Five** days [1].\n\n- dogs [2]", *DONE))
    assert set(bundle) == {"text/html", "text/markdown", "text/plain"}
    page = lxml_html.fromstring(bundle["text/html"])
    assert page.xpath("//strong/text()") == ["Five"]
    assert page.xpath("//sup[@class='ragnb-chip']/a/text()") == ["[1]", "[2]"]
    assert page.xpath("//mark/text()") == ["Refunds take <b>five</b> days.", "Dogs & cats are welcome."]
    assert "Why <i>?" in page.text_content()
    for part in ("1,200 tokens in, 30 out", "$0.0012", "first token", "openai:gpt-4o-mini", "doc0.md"):
        assert part in page.text_content()
    assert "1 more passage given to the model" in page.text_content()
    assert "> Refunds take &lt;b>five&lt;/b> days." in bundle["text/markdown"]
    assert "[2] Document 1 — Part, lines 1–3" in bundle["text/plain"]


def test_native_citations_get_numbers():
    """Citations without a marker have their number set behind what they support."""
    quote = Quote(2, PASSAGES[1].chunk.id, 0, 4, "Dogs")
    answer = written("Dogs may come. Yes.", Cited(start=0, end=13, quotes=(quote,)), *DONE, citing=False)
    bundle = mimebundle(answer)
    assert "Dogs may come[2]. Yes." in bundle["text/plain"]
    assert lxml_html.fromstring(bundle["text/html"]).xpath("//sup/a/text()") == ["[2]"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), "Searching …"),
        ((Retrieved(hits=PASSAGES),), "3 passages found in"),
        ((Retrieved(hits=PASSAGES), Routed(model="m", reason="r")), "waiting for m …"),
        ((Token(text="a"),), "Writing …"),
        (
            (Retrying(fault="overloaded", message="It is busy.", attempt=1, wait=2.0),),
            "Trying again in 2.00 s",
        ),
        ((Token(text="a"), Cancelled()), "Cancelled after 1 token; the text so far is kept."),
        ((Failed(error="E", message="It broke.", advice="Mend it."),), "It broke. Mend it."),
        ((Token(text="a"), Failed(error="E", message="It broke.")), "The text so far is kept."),
        ((Token(text="a"), Finished(reason="length", advice="Raise max_tokens.")), "Raise max_tokens."),
    ],
)
def test_every_state_is_told_in_words(events, said):
    """Each phase and each trouble is a sentence, in every form."""
    for form in mimebundle(log(*events)).values():
        assert said in form


def test_sources_are_open_to_see_while_one_waits():
    """Before the first token the sources are shown one by one."""
    page = lxml_html.fromstring(mimebundle(log(Retrieved(hits=PASSAGES)))["text/html"])
    assert len(page.xpath("//details[@class='ragnb-source']")) == 3
    assert "more passage" not in page.text_content()


def test_an_unknown_price_is_unknown():
    """A price that is not known is never shown as nothing."""
    used = Used(model="openai:x", input_tokens=1, output_tokens=1)
    assert "price unknown" in mimebundle(written("a", used, Finished(reason="stop")))["text/plain"]


def test_no_events_at_all():
    """An empty log is shown as what it is."""
    assert "Starting" in mimebundle(Answer())["text/html"]


HOSTILE = json.loads((ROOT / "tests" / "golden" / "hostile.json").read_text())
HOSTILE_IDS = [str(number) for number in range(len(HOSTILE))]

TAGS = {
    "div",
    "p",
    "br",
    "small",
    "hr",
    "strong",
    "em",
    "s",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
}
TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "span", "sup"}
TAGS |= {"details", "summary", "mark", "b"}
ATTRIBUTES = {"href", "class", "style", "title", "target", "rel", "dir", "start", "id", "data-jupyter-id"}
ATTRIBUTES |= {"role", "aria-label"}
LOADING = re.compile(r"url|expression|import|position|@|\\|/\*", re.IGNORECASE)


def check_safe(html):
    """No tag, attribute, style or address but those that do nothing by themselves."""
    page = lxml_html.fromstring(f"<div>{html}</div>")
    for element in page.iter():
        assert element.tag in TAGS, element.tag
        assert set(element.attrib) <= ATTRIBUTES, element.attrib
        assert not LOADING.search(element.get("style", "")), element.attrib
        href = element.get("href", "https://")
        if element.getparent() is not None and element.getparent().get("class") == "ragnb-chip":
            assert re.fullmatch(r"#ragnb[-0-9a-f]*", href), href
        else:
            assert href.startswith(("https://", "http://", "mailto:")), href
    return page


@pytest.mark.parametrize("text", HOSTILE, ids=HOSTILE_IDS)
def test_hostile_answers_are_inert(text):
    """Whatever the model says becomes text: no script, no image, no link but to a shown host."""
    page = check_safe(to_html(text, []))
    assert not page.xpath("//sup | //*[@id or @role or starts-with(@class, 'ragnb')]")
    for link in page.xpath("//a[@href]"):
        said = link.tail.partition(")")[0].removeprefix(" (")
        assert said == (urlsplit(link.get("href")).hostname or urlsplit(link.get("href")).path)


@pytest.mark.parametrize("text", HOSTILE, ids=HOSTILE_IDS)
def test_hostile_documents_are_inert(text):
    """Whatever a document, its title or a question holds is shown as text."""
    passages = hits(text)
    answer = log(
        Retrieved(hits=passages),
        Routed(model="m", reason=text),
        Token(text="x [1]"),
        Cited(start=0, end=1, quotes=(Quote(1, "c", 0, len(text), text),), marker=(2, 5)),
        Failed(error="E", message=text, advice=text),
    )
    check_safe(mimebundle(answer)["text/html"])


@pytest.mark.parametrize("text", HOSTILE, ids=HOSTILE_IDS)
def test_hostile_texts_load_nothing_in_markdown(text):
    """Nor does Markdown load an image or hold HTML, from the answer, a title, a quote or an error."""
    (hit,) = hits(text)
    hit = replace(hit, chunk=replace(hit.chunk, title=text, locator=Locator(heading=(text,))))
    answer = log(
        Retrieved(hits=(hit,)),
        Routed(model=text, reason=text),
        Token(text=text),
        Cited(start=0, end=len(text), quotes=(Quote(1, "c", 0, len(text), text),)),
        Failed(error="E", message=text, advice=text),
    )
    shown = MarkdownIt("commonmark").render(mimebundle(answer)["text/markdown"])
    page = lxml_html.fromstring(f"<div>{shown}</div>")
    assert {element.tag for element in page.iter()} <= TAGS
    assert all(href.startswith(("http://", "https://", "mailto:")) for href in page.xpath("//@href"))


def test_code_in_one_quote_is_code_beside_another():
    """A stray backtick of one quote does not free what the next one holds in code."""
    first, second = "a ` b", "`![x](https://evil.example)`"
    (hit,) = hits(f"{first} {second}")
    quotes = (Quote(1, "c", 0, 5, first), Quote(1, "c", 6, 6 + len(second), second))
    answer = log(Retrieved(hits=(hit,)), Token(text="x"), Cited(start=0, end=1, quotes=quotes))
    assert "<img" not in MarkdownIt("commonmark").render(mimebundle(answer)["text/markdown"])


def test_no_form_holds_unseen_characters():
    """Escape sequences, bidi overrides and broken characters go from texts, titles, sources and errors."""
    text = "a\x1b[31m\x07\x00\u202e\u2066\x9b\ud800&#x202e;\r\nb"
    (hit,) = hits(text)
    hit = replace(
        hit, chunk=replace(hit.chunk, title=text, source=text, locator=Locator(heading=(text,), label=text))
    )
    answer = log(
        Retrieved(hits=(hit,)),
        Routed(model=text, reason=text),
        Token(text=text),
        Cited(start=0, end=len(text), quotes=(Quote(1, "c", 0, len(text), text),)),
        Failed(error="E", message=text, advice=text),
    )
    for form in mimebundle(answer).values():
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", form)
        assert "a[31m" in form
    assert "\n[1] a[31m" in mimebundle(answer)["text/plain"]


def test_what_reads_from_right_to_left_stays():
    """Joined emoji, right-to-left text and tabs are the same in every form."""
    text = "👩\u200d🚀 שלום\tمرحبا"
    for form in mimebundle(written(text, *DONE)).values():
        assert text in form


def test_plain_text_is_not_escaped():
    """In plain text what the model wrote stays, Markdown and HTML included."""
    text = "**Yes** <b> ![x](y) `[1, 2]`"
    assert mimebundle(written(text, *DONE))["text/plain"].startswith(text)


def test_names_with_underscores_stay():
    """Names such as __init__ are not taken for emphasis; asterisks are."""
    assert to_html("Call __init__ **now**, _x_.", []) == "<p>Call __init__ <strong>now</strong>, _x_.</p>\n"


def test_links_show_their_host():
    """A link says where it leads."""
    assert "docs</a> (evil.example)" in to_html("[docs](https://evil.example/x)", [])


def test_uncited_markers_are_text():
    """A number that was not cited is no chip, also where a definition would make it a link."""
    html = to_html("See [7].\n\n[7]: https://evil.example", [])
    assert "<sup" not in html


@given(st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1))
def test_plain_words_are_all_there(text):
    """Nothing of an answer of plain words is lost."""
    shown = lxml_html.fromstring(f"<div>{to_html(text, [])}</div>").text_content()
    assert "".join(text.split()) == "".join(shown.split())


def test_an_answer_of_a_megabyte():
    """A very long answer is shown whole."""
    text = "word " * 200_000
    assert len(mimebundle(written(text, *DONE, citing=False))["text/html"]) > 1_000_000


def test_terminal():
    """The terminal shows sources before words, and no control character of a model's."""
    answer = written("Five\x1b[31m days\x07 [1].\u202e\ud800", *DONE)
    out = io.StringIO()
    terminal.show(answer, out)
    shown = out.getvalue()
    shown.encode()
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert shown.index("[3] Document 2") < shown.index("Five[31m days [1].")
    assert "“Refunds take <b>five</b> days.”" in shown


def test_a_terminal_that_knows_only_ascii():
    """Where a character cannot be written, a question mark stands, and nothing breaks."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.show(written("Fünf 🚆 days [1].", *DONE), out)
    out.flush()
    shown = raw.getvalue().decode("ascii")
    assert "F?nf ? days [1]." in shown
    assert "[1] Document 0 ? Part" in shown


def test_a_terminal_tells_seams():
    """A seam is told where it is, and each retry as it was, however late they are read."""
    cut = Retrying(fault="cut", message="It was cut.", attempt=1, wait=0.5)
    on = [Resumed(strategy="s", model="m", offset=offset) for offset in (1, 2)]
    out = io.StringIO()
    terminal.show(
        log(Token(text="a"), cut, on[0], Token(text="b"), on[1], Token(text="c"), Finished(reason="stop")),
        out,
    )
    shown = out.getvalue()
    assert (
        "a\nIt was cut. Trying again in 500 ms …\n[connection lost after 1 token, resumed with m after 10 ms]\nb"
        in shown
    )
    assert "b[stream interrupted after 2 tokens, resumed with m after 10 ms]\nc" in shown


def test_quotes_stand_apart_in_markdown():
    """Several quotes of one source are paragraphs of one quotation, which belongs to its number."""
    (hit,) = hits("One. Two. Three.")
    quotes = (Quote(1, "c", 0, 4, "One."), Quote(1, "c", 10, 16, "Three."))
    answer = log(Retrieved(hits=(hit,)), Token(text="x"), Cited(start=0, end=1, quotes=quotes))
    page = lxml_html.fromstring(MarkdownIt("commonmark").render(mimebundle(answer)["text/markdown"]))
    assert page.xpath("//ol/li/blockquote/p/text()") == ["One.", "Three."]


def test_sources_follow_open_code_in_markdown():
    """An answer that was cut within code does not take its sources into it."""
    answer = written("Like this [1]:\n\n```python\nx = 1", Cancelled())
    page = lxml_html.fromstring(
        "<div>" + MarkdownIt("commonmark").render(mimebundle(answer)["text/markdown"]) + "</div>"
    )
    assert page.xpath("//code/text()") == ["x = 1\n"]
    assert page.xpath("//ol/li//text()")


def test_chips_lead_to_their_sources():
    """A chip is a link to what its source holds, cited or not: the same each time it is rendered."""
    one, two = (mimebundle(written("Five [1]. Dogs [1, 2].", *DONE))["text/html"] for _ in range(2))
    assert one == two
    page = lxml_html.fromstring(one)
    for link in page.xpath("//sup/a"):
        (target,) = page.xpath(f"//details/div[@id='{link.get('href')[1:]}']")
        summary = target.getprevious()
        assert summary.tag == "summary"
        assert summary.text_content().startswith(link.text_content())
        assert target.getparent().get("data-jupyter-id") == target.get(
            "id"
        )  # JupyterLab scrolls to this one
    other = lxml_html.fromstring(mimebundle(written("Five [1].", *DONE))["text/html"])
    assert not set(page.xpath("//@id")) & set(other.xpath("//@id"))


def test_formulas_are_nobodys():
    """What renders formulas in a host's page leaves the card alone: two prices are no formula."""
    page = lxml_html.fromstring(mimebundle(written("It costs $5 or $6 [1].", *DONE))["text/html"])
    assert {"mathjax_ignore", "tex2jax_ignore"} <= set(page.get("class").split())


def test_a_broken_log_says_so():
    """What is wrong with a log stands in every form, and nothing is said to go on."""
    lines = written("Five days [1].", *DONE).to_jsonl().splitlines(keepends=True)
    dreamt = b'{"type":"Dreamt","seq":1,"at":0.03}\n'
    answer = Answer.from_jsonl(lines[0] + dreamt + lines[4])
    for form in mimebundle(answer).values():
        assert "1 event of an unknown type was left out: it was written by a newer ragnb." in form
        assert "The log breaks off after event 1: event 4 comes next." in form
        assert "…" not in form


def test_long_passages_are_shortened_around_their_quotes():
    """A saved notebook holds a long passage's quotes whole, with what is around them, and says what is left out."""
    words = [f"word{n}" for n in range(3000)]
    text = " ".join(words)
    spans = [
        (text.index(first), text.index(last) + len(last))
        for first, last in (("word500 ", "word700"), ("word2000 ", "word2003"))
    ]
    quotes = tuple(Quote(1, "c", start, end, text[start:end]) for start, end in spans)
    answer = log(Retrieved(hits=hits(text)), Token(text="x"), Cited(start=0, end=1, quotes=quotes))
    page = lxml_html.fromstring(mimebundle(answer)["text/html"])
    assert page.xpath("//mark/text()") == [quote.text for quote in quotes]
    shown = page.xpath("string(//blockquote)")
    assert shown.count("…") == 3
    assert len(shown) < sum(end - start for start, end in spans) + 1000
    assert set(shown.split()) - {"…"} <= set(words)


def test_times_are_in_one_place():
    """All that differs between two runs is in one element or is a time in words: so two runs compare alike."""
    from nbval.plugin import get_sanitize_patterns

    patterns = get_sanitize_patterns((ROOT / "tests" / "notebooks" / "sanitize.cfg").read_text())

    def run(every):
        ticks = itertools.accumulate(itertools.cycle(every))
        answer = Answer(clock=lambda: next(ticks))
        events = [
            Started(answer_id="a", question="Why?", k=3),
            Retrieved(hits=PASSAGES),
            Routed(model="m", reason="r"),
        ]
        for event in [*events, *(Token(text=f"{n} ") for n in range(40)), *DONE]:
            answer.append(event)
        return mimebundle(answer)

    smooth, stalling = run([0.01]), run([0.01] * 17 + [3.0])
    assert "stalled" in stalling["text/html"] and "stalled" not in smooth["text/html"]
    for kind in smooth:
        forms = [smooth[kind], stalling[kind]]
        for pattern, replacement in patterns:
            forms = [re.sub(pattern, replacement, form) for form in forms]
        assert forms[0] == forms[1]


def test_a_saved_answer_is_small():
    """An answer of 2 KB with a citation in each sentence and five sources: 15 KB of HTML at most."""
    passages = hits(
        *(
            f"Passage {n}. " + "Refunds take five days, says the handbook of the railway. " * 16
            for n in range(5)
        )
    )
    text = "".join(
        f"Refunds take five days, says passage {n % 5}, in its sentence number {n} of the handbook [{n % 5 + 1}]. "
        for n in range(24)
    )
    assert 2000 < len(text) < 2300
    found = MarkerReader(passages)
    answer = log(
        Retrieved(hits=passages),
        Routed(model="openai:gpt-4o-mini", reason="you asked for it"),
        *(Token(text=word) for word in re.findall(r"\S+\s*", text)),
        *found.feed(text),
        *found.close(),
        *DONE,
        k=5,
    )
    bundle = mimebundle(answer)
    assert len(answer.citations) == 24
    assert len(bundle["text/html"].encode()) <= 15_000
    assert (
        len(json.dumps(bundle, ensure_ascii=False).encode()) <= 20_000
    )  # 20 of them in a notebook: 400 KB


def test_stages_waits_and_stalls():
    """Waits between attempts are stages of their own; a gap that no fault explains is a stall."""
    ticks = iter([0.0, 0.0, 0.1, 0.1, 0.5, 1.5, 1.6, 1.7, 4.7, 4.8, 4.9, 6.9, 7.0, 7.1])
    answer = Answer(clock=lambda: next(ticks))
    words_of = [Token(text="a")] * 3
    cut = Retrying(fault="cut", message="m", attempt=1, wait=1.0)
    for event in (
        Started(answer_id="a", question="q", k=1),
        Retrieved(hits=()),
        Routed(model="m", reason=""),
        cut,
        *words_of,
        Token(text="b"),
        cut,
        Resumed(strategy="s", model="m", offset=4),
        Token(text="c"),
        Token(text="d"),
        Finished(reason="stop"),
    ):
        answer.append(event)
    rows = [(name, round(start, 6), round(length, 6)) for name, start, length in stages(answer)]
    assert rows[-4:] == [
        ("wait before the next attempt", 0.5, 1.0),
        ("stream", 1.5, 5.6),
        ("stalled", 1.7, 3.0),
        ("wait before the next attempt", 4.8, 0.1),
    ]


@pytest.mark.parametrize(
    ("arrivals", "shown"),
    [
        ([0.0] * 9, ""),
        ([1.0] * 20, ""),
        ([n / 10 for n in range(10)], "█" * 10),
        ([0, 1, 1, 1, 1, 1, 1, 1, 1, 9], "▂█▁▁▁▁▁▁▁▂"),
    ],
)
def test_pace(arrivals, shown):
    """The cadence of the tokens, from the first to the last; nothing where there are too few."""
    clock = iter([0.0, 0.0, *arrivals])
    answer = Answer(clock=lambda: next(clock))
    answer.append(Started(answer_id="a", question="q", k=1))
    for _ in arrivals:
        answer.append(Token(text="x"))
    assert pace(answer) == shown


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "price unknown"),
        (0.0, "$0.00"),
        (0.00003, "less than $0.0001"),
        (0.0001, "$0.0001"),
        (0.123, "$0.12"),
    ],
)
def test_money(usd, said):
    """A price is never shown as nothing where it is something."""
    assert money(usd) == said
