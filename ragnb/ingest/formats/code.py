"""Source code: each definition with its name and its lines."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from ragnb.documents import Block, Document, Locator
from ragnb.errors import IngestError
from ragnb.ingest.formats.text import decode
from ragnb.ingest.loaders import loader

_LANGUAGES = {
    ".py": "Python",
    ".js": "JavaScript",
    ".jsx": "JavaScript",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".java": "Java",
    ".c": "C",
    ".h": "C",
    ".cpp": "C++",
    ".hpp": "C++",
    ".cs": "C#",
    ".go": "Go",
    ".rs": "Rust",
    ".rb": "Ruby",
    ".php": "PHP",
    ".swift": "Swift",
    ".kt": "Kotlin",
    ".scala": "Scala",
    ".sh": "Shell",
    ".sql": "SQL",
    ".r": "R",
    ".jl": "Julia",
    ".lua": "Lua",
    ".pl": "Perl",
    ".toml": "TOML",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".ini": "INI",
    ".cfg": "INI",
    ".css": "CSS",
    ".scss": "SCSS",
    ".tex": "TeX",
    ".xml": "XML",
}
_LONGEST_LINE = 5_000
_DEFINITION = re.compile(
    r"(?:(?:export|default|declare|public|private|protected|internal|static|abstract|final|sealed|async|open"
    r"|data|override|partial|unsafe|inline|const|extern|local|pub(?:\([^)]*\))?|extern \"C\")\s+)*"
    r"(?P<kind>func|function|fn|fun|def|class|struct|interface|impl|trait|type|enum|module|object|protocol"
    r"|extension|record|namespace|sub)\b\*?\s*(?:<[^>]*>\s*)?(?:\([^()]*\)\s*)?"
    r"(?P<name>[\w.:$]+(?:(?:<[^<>]*>)? for [\w.:]+)?)",
)
_ASSIGNED = re.compile(  # const name = (…) =>, name <- function(…), name = function(…)
    r"(?:export\s+)?(?:default\s+)?(?:const|let|var|local)?\s*(?P<name>[\w.$]+)\s*(?::[^=]+)?(?:=|<-)\s*"
    r"(?:async\s*)?(?:function\b|\([^()]*\)[^=]*=>|\w+\s*=>)",
)
_CREATED = re.compile(
    r"create\s+(?:or\s+replace\s+|temp(?:orary)?\s+|unique\s+|materialized\s+)*"
    r"(?P<kind>table|view|index|function|procedure|trigger|type)\s+(?:if\s+not\s+exists\s+)?(?P<name>[\w.\"`]+)",
    re.IGNORECASE,
)
_CALLABLE = re.compile(r"[A-Za-z_][\w:*&<>,\s\[\]]*?[\s*&](?P<name>[\w:~]+)\s*\([^;=]*$")
_TYPE = re.compile(r"[A-Za-z_][\w:*& ]*")
_SHELL = re.compile(r"(?P<name>[\w-]+)\s*\(\)\s*\{?")
_SECTION = re.compile(r"(?P<name>\[.+\])\s*(?:[#;].*)?")
_CHAPTER = re.compile(r"\\(?:chapter|section|subsection)\*?\{(?P<name>[^{}]+)\}")
_PATTERNS = {
    "C": (_DEFINITION, _CALLABLE),
    "C++": (_DEFINITION, _CALLABLE),
    "JavaScript": (_DEFINITION, _ASSIGNED),
    "TypeScript": (_DEFINITION, _ASSIGNED),
    "R": (_ASSIGNED,),
    "Lua": (_DEFINITION, _ASSIGNED),
    "SQL": (_CREATED,),
    "Shell": (_DEFINITION, _SHELL),
    "TOML": (_SECTION,),
    "INI": (_SECTION,),
    "TeX": (_CHAPTER,),
    **dict.fromkeys(("YAML", "CSS", "SCSS", "XML"), ()),
}
_ABOVE = re.compile(r"//|/?\*|#|--|;|@|\[|\"\"\"|template\b|%")  # comments, decorators, attributes
_CLOSING = re.compile(r"[)\]}]|end\b|else\b|elif\b|except\b|finally\b|catch\b")


@loader(*_LANGUAGES)
def load_code(path: Path) -> Iterator[Document]:
    """One document a file, its text as it stands: ``locator.lines`` are those of the file, and a block's
    text is exactly these lines. The blank lines around a definition are in no block.

    ``metadata["language"]`` is the programming language. Raises `IngestError` for minified code.
    """
    language = _LANGUAGES[path.suffix.lower()]
    lines = decode(path.read_bytes()).split("\n")
    if language != "TeX" and any(len(line) > _LONGEST_LINE for line in lines):
        raise IngestError("It is minified code.", "Add the source that it was made from instead.")
    sections = _python(lines) if language == "Python" else None
    yield Document(
        title=path.name,
        source=path.as_posix(),
        metadata={"language": language},
        blocks=list(_blocks(lines, sections or _generic(lines, language))),
    )


Section = tuple[int, str, int]  # the index of its first line, its heading (maybe none), the heading's level


def _blocks(lines: list[str], sections: list[Section]) -> Iterator[Block]:
    is_headed = False
    ends = [start for start, _, _ in sections[1:]] + [len(lines)]
    for (first, heading, level), end in zip(sections, ends, strict=True):
        last = end
        while last > first and not lines[last - 1].strip():
            last -= 1
        while first < last and not lines[first].strip():
            first += 1
        if first == last:
            continue
        locator = Locator(lines=(first + 1, last))
        if heading or is_headed:  # an empty heading ends the section of the definition above
            yield Block(heading, "heading", level, locator)
        is_headed = bool(heading)
        yield Block("\n".join(lines[first:last]), "code", locator=locator)


def _python(lines: list[str]) -> list[Section] | None:
    """The definitions of a module and the methods of its classes; None if it is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in its strings
            module = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    sections: list[Section] = [(0, "", 1)]
    for node in module.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        start, end = _first(node, lines), node.end_lineno or node.lineno
        keyword = "class" if isinstance(node, ast.ClassDef) else "def"
        sections.append((start, f"{keyword} {node.name}", 1))
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                sections.append((_first(inner, lines), f"{node.name}.{inner.name}", 2))
                inner_end = inner.end_lineno or inner.lineno
                if inner_end < end:
                    sections.append((inner_end, f"class {node.name}", 1))
        sections.append((end, "", 1))
    return _merged(sections, lines)


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str]) -> int:
    """The index of a definition's first line, with its decorators and the comments directly above."""
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def _merged(sections: list[Section], lines: list[str]) -> list[Section]:
    """Without the sections that hold nothing, because the next one begins where they do."""
    ends = [start for start, _, _ in sections[1:]] + [len(lines)]
    return [
        section
        for section, end in zip(sections, ends, strict=True)
        if any(line.strip() for line in lines[section[0] : end])
    ]


def _generic(lines: list[str], language: str) -> list[Section]:
    """What begins at the margin after a blank line; it has a heading if it is a definition."""
    sections: list[Section] = []
    for number, line in enumerate(lines):
        is_margin = line[:1].strip() != "" and not _CLOSING.match(line)
        after_blank = number == 0 or not lines[number - 1].strip() or lines[number - 1].startswith("}")
        if is_margin and after_blank:
            sections.append((number, _name(lines, number, language), 1))
    if not sections or sections[0][0] > 0:
        sections.insert(0, (0, "", 1))
    return sections


def _name(lines: list[str], start: int, language: str) -> str:
    """What the lines from ``start`` on define, below the comments and decorators that they begin with."""
    patterns = _PATTERNS.get(language, (_DEFINITION,))
    for number, line in enumerate(lines[start : start + 40], start=start):
        if not line.strip():
            return ""
        if _CALLABLE in patterns and _TYPE.fullmatch(line):  # its type on a line of its own
            line = f"{line} {lines[number + 1] if number + 1 < len(lines) else ''}"
        for pattern in patterns:
            if found := pattern.match(line):
                kind = found.groupdict().get("kind") or ""
                return f"{kind.lower()} {found['name']}".strip()
        if not (_ABOVE.match(line.lstrip()) or line[:1].isspace()):
            return ""
    return ""
