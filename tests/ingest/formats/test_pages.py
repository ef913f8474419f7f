"""Text, Markdown and HTML of all kinds, in all encodings."""

from __future__ import annotations

import pytest

from ragnb.ingest.loaders import load


def test_html_without_what_surrounds_it(handbook):
    """Scripts, styles, navigation and footers are not read; tables become Markdown."""
    (document,) = load(handbook / "cabins.html")
    text = "\n".join(block.text for block in document.blocks)
    assert "| Sleeper Plus | 1 or 2 | 80 cm | in the cabin | in the cabin |" in text
    for word in ("window.visits", "border-collapse", "Imprint", "the night is on the way"):
        assert word not in text


def test_what_a_page_says_of_itself(tmp_path):
    """Language, date and author of a page are metadata; the later of two dates counts."""
    path = tmp_path / "x.html"
    path.write_text(
        '<html lang="de-AT"><head><title>Titel</title><meta name=author content="A. Huber"><meta name=date '
        'content=2024-01-02><meta property="article:modified_time" content="2025-03-04T05:06:07Z"><p>Text'
    )
    (document,) = load(path)
    assert document.metadata == {"lang": "de", "author": "A. Huber", "date": "2025-03-04"}


def test_what_a_page_hides_is_not_read(tmp_path):
    """Text that styles hide from readers, a place for orders to a model, is not read."""
    path = tmp_path / "x.html"
    path.write_text(
        "<style>/* .shown {display:none} */ .a, p.b { display : none } #c{visibility:hidden} .d{opacity:0.5}"
        "</style><p>Shown.<p class='x a'>no<p class=b>no<p id=c>no<p class=d>Pale.<p class=shown>Too."
        "<p style='font-size: 0'>no<p style='DISPLAY: none'>no"
    )
    (document,) = load(path)
    assert [block.text for block in document.blocks] == ["Shown.", "Pale.", "Too."]


@pytest.mark.parametrize(
    ("opening", "times"),
    [("<div>", 1_000_000), ("<ul><li>", 100_000), ("<table><tr><td>", 50_000), ("<span>", 100_000)],
)
def test_a_million_nested_tags(tmp_path, opening, times):
    """What is nested deeper than any parser follows is read all the same, and what comes after it too."""
    path = tmp_path / "x.html"
    tag = opening.split(">")[0] + ">"
    closing = tag.replace("<", "</")
    path.write_text(f"<p>before</p>{opening * times}deep{closing * times}<p>after")
    (document,) = load(path)
    text = " ".join(block.text for block in document.blocks)
    assert all(word in text for word in ("before", "deep", "after"))


@pytest.mark.parametrize(
    ("html", "texts"),
    [
        (b"", []),
        (b"<p>caf\xe9", ["café"]),
        (b'<meta charset="utf-8"><p>caf\xc3\xa9', ["café"]),
        (b"<p>one<br>two<p hidden>no<script>no</script><b>bo</b>ld", ["one\ntwo"]),
        (b"<ul><li>a<ul><li>b</ul><li>c</ul>", ["- a\n  - b\n- c"]),
        (b"<ol><li>a<li>b</ol><pre>x\n  y\n</pre>", ["1. a\n2. b", "```\nx\n  y\n```"]),
        (b"<div>a<div>b</div>c</div><img src=x alt=picture>", ["a", "b", "c", "picture"]),
        (b"<dl><dt id=f>f(x)<dd>Doubles.</dl><p>After.", ["f(x)", "Doubles.", "", "After."]),
        (b"<h1>A&amp;B<a class=headerlink>#</a></h1>", ["A&B"]),
        (b"<table><tr><td>a|b<td>c</table>", ["| a\\|b | c |\n| --- | --- |"]),
        (b"<div>" * 1_000 + b"deep", ["deep"]),
    ],
)
def test_html_of_all_kinds(tmp_path, html, texts):
    """Broken, nested, mislabelled and huge HTML is read as a browser would show it."""
    path = tmp_path / "x.html"
    path.write_bytes(html)
    (document,) = load(path)
    found = [block.text for block in document.blocks]
    assert found == texts


@pytest.mark.parametrize(
    "content",
    [
        "Grüße €".encode(),
        b"\xef\xbb\xbf" + "Grüße €".encode(),
        "Grüße €".encode("utf-16"),
        "Grüße €".encode("cp1252"),
    ],
)
def test_text_in_any_encoding(tmp_path, content):
    """UTF-8 with and without a mark, UTF-16 and Windows-1252 are read."""
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    (document,) = load(path)
    assert [block.text for block in document.blocks] == ["Grüße €"]


def test_front_matter_is_metadata(tmp_path):
    """Front matter gives the title and metadata, and the lines stay true."""
    path = tmp_path / "x.md"
    path.write_text("---\ntitle: The title\ndate: 2026-04-01\n---\n# Heading\n\nText.\n")
    (document,) = load(path)
    assert (document.title, document.metadata) == ("The title", {"date": "2026-04-01"})
    assert [(b.text, b.locator.lines) for b in document.blocks] == [("Heading", (5, 5)), ("Text.", (7, 7))]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1251", "cp1250", "shift_jis", "latin-1"])
def test_older_encodings(tmp_path, encoding):
    """A longer text is read in the encoding that its letters speak for."""
    text = {
        "cp1251": "Ночной поезд отправляется в десять часов вечера. Билеты продаются за полгода до отправления.",
        "cp1250": "Noční vlak odjíždí v deset hodin večer. Jízdenky se prodávají půl roku před odjezdem, říká paní.",
        "shift_jis": "夜行列車は夜十時に出発します。切符は出発の半年前から販売されています。どうぞよい旅を。",
    }.get(
        encoding,
        "Der Nachtzug fährt um zehn Uhr ab. Fahrkarten gibt es ein halbes Jahr früher, für alle Züge.",
    )
    path = tmp_path / "x.txt"
    path.write_bytes(text.encode(encoding))
    (document,) = load(path)
    assert " ".join(block.text for block in document.blocks) == text


def test_a_log_without_blank_lines(tmp_path):
    """A long run of lines comes in blocks with true lines; a huge line in parts of the same line."""
    path = tmp_path / "x.log"
    lines = [f"2026-01-01 00:00:00 event number {n}" for n in range(2_000)]
    path.write_text("\n".join([*lines, "x" * 200_000, "the end"]))
    (document,) = load(path)
    source = path.read_text().split("\n")
    found = list(document.blocks)
    assert max(len(block.text) for block in found) < 80_000
    for block in found:
        first, last = block.locator.lines
        assert block.text in "\n".join(source[first - 1 : last])
    assert "".join(block.text for block in found).replace("\n", "") == "".join(source)


def test_long_markdown_is_read_in_parts(tmp_path):
    """Markdown that is too long for the parser at once has the same blocks and lines."""
    section = "# Heading {n}\n\nText {n}.\n\n```py\n# no heading\n\nx = {n}\n```\n\n- a\n- b\n\n"
    path = tmp_path / "x.md"
    path.write_text("".join(section.format(n=n) for n in range(3_000)))
    (document,) = load(path)
    lines = path.read_text().split("\n")
    found = list(document.blocks)
    assert [block.kind for block in found] == ["heading", "paragraph", "code", "list"] * 3_000
    for block in found[1::4] + found[2::4]:
        first, last = block.locator.lines
        assert block.text == "\n".join(lines[first - 1 : last])
