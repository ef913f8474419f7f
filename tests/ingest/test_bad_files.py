"""Bad input: each file told with its reason, the rest ingested, what was there before kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ragnb import RAGPipeline
from ragnb.documents import Document
from ragnb.errors import IngestError
from ragnb.ingest import loaders, workers
from ragnb.ingest.archives import members
from ragnb.ingest.loaders import loader
from ragnb.ingest.parsing import Task, Trouble
from ragnb.ingest.workers import Workers


@pytest.fixture
def rag(minilm):
    """A pipeline in memory."""
    return RAGPipeline(llm="extractive", embeddings=minilm, home=None)


@pytest.fixture
def own_loaders(monkeypatch):
    """Loaders that a test registers are forgotten after it."""
    loaders._load_built_in()
    monkeypatch.setattr(loaders, "_loaders", dict(loaders._loaders))


def failures(report):
    return {os.path.basename(name): reason for name, reason in report.failed}


def test_one_bad_file_stops_no_other(rag, tmp_path):
    """Every bad file is told by name and reason; the good ones are in."""
    (tmp_path / "good.md").write_text("Cats purr.")
    (tmp_path / "latin.txt").write_bytes("Füchse laufen über die Felder.".encode("latin-1"))
    (tmp_path / "wide.txt").write_bytes("Eulen rufen.".encode("utf-16"))
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "blank.txt").write_text(" \n\n\t\n")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + os.urandom(2000))
    (tmp_path / "corrupt.pdf").write_bytes(b"%PDF-1.7\n" + os.urandom(2000))
    (tmp_path / "corrupt.docx").write_bytes(b"PK\3\4" + os.urandom(500))
    (tmp_path / "corrupt.zip").write_bytes(b"PK\3\4" + os.urandom(500))
    (tmp_path / "no.ipynb").write_text("{not json")
    (tmp_path / "ragged.csv").write_text("a,b,c\n1,2\n3,4,5,6\n7,8,9\n")
    (tmp_path / "program.exe").write_bytes(b"MZ")
    report = rag.ingest(tmp_path)
    assert {os.path.basename(name) for name in report.added} == {
        "good.md",
        "latin.txt",
        "ragged.csv",
        "wide.txt",
    }
    assert {os.path.basename(name): reason for name, reason in report.skipped} == {
        "empty.md": "there is no text in it",
        "blank.txt": "there is no text in it",
        "program.exe": "no loader for .exe",
    }
    told = failures(report)
    assert set(told) == {"picture.txt", "corrupt.pdf", "corrupt.docx", "corrupt.zip", "no.ipynb"}
    assert all(reason.endswith(".") and "Error" not in reason for reason in told.values()), told


def test_what_was_read_before_is_kept(rag, tmp_path):
    """A file that becomes unreadable keeps what the index had of it, and the report says so."""
    path = tmp_path / "a.txt"
    path.write_text("Cats purr.")
    rag.ingest(path)
    path.write_bytes(b"\0\1\2\3" * 100)
    ((_, reason),) = rag.ingest(path).failed
    assert reason == "It is a binary file, not text. What it held before stays in the index."
    assert rag.query("What do cats do?").startswith("Cats purr.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(rag, tmp_path):
    """A file and a folder that may not be read are told, and nothing known of them is taken out."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.txt").write_text("Cats purr.")
    (tmp_path / "b.txt").write_text("Dogs bark.")
    rag.ingest(tmp_path)
    os.chmod(tmp_path / "b.txt", 0)
    os.chmod(folder, 0)
    try:
        report = rag.ingest(tmp_path)
    finally:
        os.chmod(folder, stat.S_IRWXU)
    assert failures(report)["b.txt"] == "There is no permission to read it."
    assert failures(report)["closed"].startswith("The folder cannot be read")
    assert report.removed == []


def test_no_permission_is_told_to_root_too(rag, tmp_path, monkeypatch):
    """As above, for machines where all tests run as root: the system's answer is given by hand."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("Cats purr.")
    (tmp_path / "b.txt").write_text("Dogs bark.")
    rag.ingest(tmp_path)
    scan = os.scandir

    def closed(path):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    report = rag.ingest(tmp_path)
    assert failures(report) == {"a": "The folder cannot be read: Permission denied."}
    assert report.removed == []


def test_a_file_that_vanishes(rag, tmp_path, own_loaders):
    """A file that is gone when its turn comes is told."""

    @loader(".thief")
    def load_thief(path):
        (tmp_path / "z.txt").unlink(missing_ok=True)
        yield Document("Foxes run.")

    (tmp_path / "a.thief").write_text("")
    (tmp_path / "z.txt").write_text("Cats purr.")
    workers_ahead = [Task(str(tmp_path / "a.thief"), "a"), Task(str(tmp_path / "z.txt"), "z")]
    with Workers(1, threading.Event()) as reading:
        outcomes = [list(messages) for _, messages in reading.read(workers_ahead)]
    assert outcomes[1] == [Trouble("It vanished while it was to be read.")]


def test_a_file_that_grows(rag, tmp_path, own_loaders):
    """A file that changes while it is read is told, is in, and is read again the next time."""

    @loader(".grow")
    def load_growing(path):
        yield Document(path.read_text())
        if len(path.read_text()) < 20:
            path.write_text(path.read_text() + " Cats eat fish.")

    path = tmp_path / "a.grow"
    path.write_text("Cats purr.")
    report = rag.ingest(path)
    assert report.warnings == [
        (path.as_posix(), "It changed while it was read; ingest again when it is at rest.")
    ]
    report = rag.ingest(path)
    assert (len(report.changed), report.warnings) == (1, [])
    assert "fish" in rag.query("What do cats eat?")


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk(tmp_path, minilm, monkeypatch, room):
    """A disk without room is told in a sentence; what is stored already stays."""
    rag = RAGPipeline(llm="extractive", embeddings=minilm, home=tmp_path / "home")
    rag.add("Cats purr.")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room))
    (tmp_path / "a.txt").write_text("Dogs bark.")
    with pytest.raises(Exception, match="nearly full"):
        rag.ingest(tmp_path / "a.txt")
    monkeypatch.undo()
    assert rag.query("What do cats do?").startswith("Cats purr.")
    rag.close()


# ---- processes that read --------------------------------------------------------------------------


def read_all(tasks, **options):
    with Workers(1, threading.Event(), **options) as reading:
        return [list(messages) for _, messages in reading.read(tasks)]


def test_a_parser_that_dies_takes_its_file_alone(tmp_path, monkeypatch):
    """A crash inside a parser is told, and the next file has a new process."""
    script = workers._START.replace("main()", "import ragnb.ingest.formats.markdown as m, os; {}; main()")
    kill = "import ragnb.ingest.loaders as l; l._load_built_in(); l._loaders['.md'] = lambda p: os.abort()"
    monkeypatch.setattr(workers, "_START", script.format(kill))
    (tmp_path / "a.md").write_text("Cats purr.")
    (tmp_path / "b.txt").write_text("Dogs bark.")
    bad, good = read_all([Task(str(tmp_path / name), name) for name in ("a.md", "b.txt")])
    assert bad == [Trouble("The parser crashed on it.")]
    assert len(good) == 3


def test_a_parser_that_hangs_is_stopped(tmp_path, monkeypatch):
    """A parser that says nothing for too long is ended, and told."""
    hang = "import ragnb.ingest.loaders as l; l._load_built_in(); import time; "
    hang += "l._loaders['.md'] = lambda p: time.sleep(1000)"
    monkeypatch.setattr(workers, "_START", workers._START.replace("main()", f"{hang}; main()"))
    (tmp_path / "a.md").write_text("Cats purr.")
    (bad,) = read_all([Task(str(tmp_path / "a.md"), "a.md")], patience=3.0)
    assert bad == [Trouble("Reading it took over 3 seconds without a result.")]


async def test_a_parser_that_hangs_does_not_hold_a_cancelled_ingest(rag, tmp_path, monkeypatch):
    """Cancelled while a parser hangs, an ingest ends, long before the parser's time is up."""
    hang = "import ragnb.ingest.loaders as l; l._load_built_in(); import pathlib, time; "
    hang += f"begun = pathlib.Path({str(tmp_path / 'begun')!r}); "
    hang += "l._loaders['.md'] = lambda p: begun.touch() or time.sleep(1000)"
    monkeypatch.setattr(workers, "_START", workers._START.replace("main()", f"{hang}; main()"))
    (tmp_path / "a.md").write_text("Cats purr.")
    ingest = asyncio.create_task(rag.aingest(tmp_path / "a.md"))
    while not (tmp_path / "begun").exists():
        await asyncio.sleep(0.05)
    ingest.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ingest
    before = {thread.name for thread in threading.enumerate()}
    while "ragnb-reading" in before:
        await asyncio.sleep(0.05)
        before = {thread.name for thread in threading.enumerate()}


def test_a_folder_with_modules_of_ones_own(rag, tmp_path, monkeypatch):
    """Files named like Python's own modules beside a notebook do not get in the way."""
    for name in ("email.py", "html.py", "struct.py"):
        (tmp_path / name).write_text("raise SystemExit('this is not the module')\n")
    (tmp_path / "a.html").write_text("<p>Cats purr.")
    monkeypatch.chdir(tmp_path)
    assert len(rag.ingest("a.html").added) == 1


def test_a_loader_that_fails(rag, tmp_path, own_loaders):
    """A loader of one's own that raises is told with what it raised."""

    @loader(".odd")
    def load_odd(path):
        raise KeyError("colour")

    @loader(".sad")
    def load_sad(path):
        raise IngestError("It is in verse.", "Save it as prose.")

    @loader(".fine")
    def load_fine(path):
        yield Document(path.read_text(), path.stem, path.as_posix())

    for name in ("a.odd", "b.sad", "c.md"):
        (tmp_path / name).write_text("Cats purr.")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("e.fine", "Dogs bark.")
    report = rag.ingest(tmp_path)
    assert failures(report) == {
        "a.odd": "The parser failed (KeyError: 'colour').",
        "b.sad": "It is in verse. Save it as prose.",
    }
    assert len(report.added) == 2
    assert rag.documents()[-1].source == (tmp_path / "d.zip" / "e.fine").as_posix()


# ---- archives -------------------------------------------------------------------------------------


def test_an_archive(rag, tmp_path):
    """The files in an archive are read each by its own loader, cited by their path in it, and bad ones told."""
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.md", "no")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("docs/cats.md", "# Cats\n\nCats purr.")
        archive.writestr("dogs.txt", "Dogs bark.")
        archive.writestr("../../escape.md", "Out!")
        archive.writestr("/etc/absolute.md", "Out!")
        archive.writestr("docs\\..\\..\\windows.md", "Out!")
        archive.writestr("bad.txt", b"\0\1\2\3" * 100)
        archive.writestr("program.exe", b"MZ")
        archive.writestr(".hidden.md", "Hidden.")
        archive.write(inner, "inner.zip")
    inner.unlink()
    report = rag.ingest(tmp_path)
    told = {name.removeprefix(f"{tmp_path}/a.zip/"): reason for name, reason in report.failed}
    passed = {name.removeprefix(f"{tmp_path}/a.zip/"): reason for name, reason in report.skipped}
    out = "its path leads out of the archive"
    assert told == {
        "../../escape.md": out,
        "/etc/absolute.md": out,
        "docs/../../windows.md": out,
        "bad.txt": "It is a binary file, not text.",
    }
    assert passed == {
        "program.exe": "no loader for .exe",
        "inner.zip": "an archive in an archive is not opened",
    }
    answer = rag.start("What do cats do?")
    answer.wait()
    assert answer.sources[0].chunk.source == f"{tmp_path.as_posix()}/a.zip/docs/cats.md"
    assert [chunk.text for chunk in rag.surroundings(answer.sources[0])] == ["Cats purr."]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip"]
    assert [one.title for one in rag.documents()] == ["Cats", "Dogs"]
    assert rag.remove(tmp_path / "a.zip").removed == [(tmp_path / "a.zip").as_posix()]
    assert len(rag.vectorstore) == 0


def test_a_zip_bomb(rag, tmp_path):
    """An archive that would unpack to far more than it is is refused before anything is unpacked."""
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(3):
            archive.writestr(f"{n}.txt", b"0" * (30 << 20))
    assert "as a zip bomb does" in failures(rag.ingest(tmp_path))["bomb.zip"]


def test_a_zip_bomb_that_lies(tmp_path):
    """No more is unpacked of a member than the size it states."""
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * (20 << 20))
    content = path.read_bytes()
    size = (20 << 20).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, (1000).to_bytes(4, "little")))
    ((name, unpacked, reason),) = members(path)
    assert (name, unpacked) == ("a.txt", None) and reason.startswith("it is damaged")


def test_an_encrypted_member(tmp_path):
    """A member that needs a password is told."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "secret")
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    assert [(one.name, one.path, one.reason) for one in members(path)] == [
        ("a.txt", None, "it is encrypted")
    ]


# ---- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def site():
    """A small web site on this machine."""
    pages = {
        "/cats": ("text/html; charset=utf-8", b"<title>Cats</title><p>Cats purr."),
        "/dogs.md": ("text/plain", b"# Dogs\n\nDogs bark."),
        "/film": ("video/mp4", b"\0\0"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/moved":
                self.send_response(301)
                self.send_header("Location", "/cats")
                self.end_headers()
                return
            kind, body = pages.get(self.path, ("text/html", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", pages
    server.shutdown()
    thread.join()
    server.server_close()


def test_addresses(rag, site):
    """Pages are read by their address, left alone while they stay the same, and replaced when they change."""
    base, pages = site
    given = (f"{base}/cats", f"{base}/dogs.md", f"{base}/moved")
    report = rag.ingest(*given)
    assert report.added == list(given)
    assert rag.ingest(*given).unchanged == list(given)
    pages["/cats"] = ("text/html", b"<p>Cats meow.")
    assert rag.ingest(*given).changed == [given[0], given[2]]
    assert rag.remove(given[2]).removed == [given[2]]
    answer = rag.start("What do cats do?")
    answer.wait()
    assert (answer.text.split(".")[0], answer.sources[0].chunk.source) == ("Cats meow", given[0])


def test_addresses_that_fail(rag, site, tmp_path):
    """Nobody there, not found, no format: each is told, and the rest is read."""
    base, _ = site
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    report = rag.ingest(nobody, f"{base}/nothing", f"{base}/film", f"{base}/cats", "http://[")
    told = dict(report.failed)
    assert told[nobody].startswith("It cannot be reached")
    assert told[f"{base}/nothing"].startswith("The server answered 404 Not Found.")
    assert told[f"{base}/film"].startswith("No loader reads video/mp4.")
    assert told["http://["].startswith("It cannot be reached")
    assert report.added == [f"{base}/cats"]
