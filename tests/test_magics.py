"""``%load_ext ragnb`` in a real kernel: asking, flags, errors in one sentence, completion, asyncio.run."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.manager import KernelManager

from ragnb.magics.line import FLAGS, HELP, expand, filter_of, parse
from ragnb.magics.syntax import QuestionLine, without_body
from tests.conftest import TEXTS

SETUP = f"""
import os
os.environ["OPENAI_API_KEY"] = "test"
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.simulator import Simulator
sim = Simulator("Refunds are paid within five days [1]. More.").start()
vectors = Simulator().start()
def pipeline(*texts):
    made = RAGPipeline(
        OpenAILLM("gpt-4o-mini", base_url=sim.url), OpenAIEmbeddings(base_url=vectors.url), home=None
    )
    if texts:
        made.add(texts)
    return made
rag = pipeline(*{TEXTS!r})
%load_ext ragnb
"""


class Kernel:
    """A kernel and what it says to a cell."""

    def __init__(self, folder, *arguments):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(
            extra_arguments=list(arguments), cwd=folder, env={**os.environ, "RAGNB_DISPLAY": "static"}
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code):
        """The reply's status, the two streams, and the data of what was displayed."""
        said = SimpleNamespace(out="", err="", shown=[], traceback="")

        def hear(message):
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    name = "out" if content["name"] == "stdout" else "err"
                    setattr(said, name, getattr(said, name) + content["text"])
                case "display_data" | "execute_result":
                    said.shown.append(content["data"])
                case "error":
                    said.traceback = "\n".join(content["traceback"])

        reply = self.client.execute_interactive(code, timeout=60, output_hook=hear, stop_on_error=False)
        said.status = reply["content"]["status"]
        said.help = "".join(part["data"]["text/plain"] for part in reply["content"].get("payload", ()))
        return said

    def complete(self, code):
        """What the text before the cursor, at the end of ``code``, may become, with the kinds."""
        reply = self.client.complete(code, len(code), reply=True, timeout=60)["content"]
        kinds = reply["metadata"]["_jupyter_types_experimental"]
        return {one["text"]: one["type"] for one in kinds}

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    running = Kernel(tmp_path_factory.mktemp("magics"))
    try:
        said = running.run(SETUP)
        assert (said.status, said.err) == ("ok", "")
        yield running
    finally:
        running.stop()


# ---- asking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "How do refunds work?",
        "How's it going?",
        'Who said "no refunds?',
        "What is {undefined} in a template?",
        "What do {0}, {} and {{x}} print?",
        "Why does it cost $5, or $AMOUNT?",
        "What does /users/{id} answer with {json}?",
        "Is 5 % of it a refund; a large one?",
        "Warum heißt der Übergang “Brücke”?",
        "Is a \\ a backslash?",
        "Why (on earth?",
    ],
)
def test_a_question_arrives_as_it_was_typed(kernel, question):
    """Apostrophes, braces, dollars and the question mark at the end belong to the question."""
    for cell in (f"%ask {question}", f"%%ask\n{question}", f"answer = %ask {question}"):
        said = kernel.run(f"{cell}")
        assert (said.status, said.err) == ("ok", "")
        assert kernel.run("print(rag.answers()[-1].question)").out.strip() == question


def test_the_answer_is_shown_once_and_kept(kernel):
    """One output; the Answer is the cell's value, so that _ and an assignment have it, and --out a name."""
    said = kernel.run("%ask -o kept How do refunds work?")
    assert len(said.shown) == 1
    assert "within five days" in said.shown[0]["text/html"]
    assert kernel.run("print(_ is kept, kept.status)").out == "True finished\n"
    kernel.run("answer = %ask How?")
    assert kernel.run("print(answer is rag.answers()[-1])").out == "True\n"


def test_several_lines(kernel):
    """The body of %%ask is the question, after what stands on the line with the flags."""
    kernel.run("%%ask -k 2\nHow do refunds work,\nand when?\n")
    check = "a = rag.answers()[-1]; print(repr(a.question), a.events[0].k)"
    assert kernel.run(check).out == "'How do refunds work,\\nand when?' 2\n"


def test_variables_in_the_question(kernel):
    """{name} and $name are filled in where they are values; doubled ones stay as they are."""
    kernel.run("animal = 'dog'; import json")
    kernel.run("%ask What does a {animal} or a $animal cost, {{animal}}, $$animal, {json}, {x}?")
    asked = kernel.run("print(rag.answers()[-1].question)").out.strip()
    assert asked == "What does a dog or a dog cost, {animal}, $animal, {json}, {x}?"


def test_flags_reach_the_pipeline(kernel):
    """-k and --where, as JSON, as a Python dict, quoted or not, or as a variable."""
    kernel.run("rag.add([__import__('ragnb').Document('Hunde reisen mit.', metadata={'lang': 'de'})])")
    kernel.run("german = {'lang': 'de'}")
    for written in ('\'{"lang": "de"}\'', '{"lang": "de"}', "{'lang': 'de'}", "german"):
        said = kernel.run(f"%ask -k 7 --where {written} Reisen Hunde?")
        assert said.err == ""
        check = "e = rag.answers()[-1].events[0]; print(e.question, e.k, e.where)"
        assert kernel.run(check).out == "Reisen Hunde? 7 {'lang': 'de'}\n"


def test_another_pipeline(kernel):
    """--rag names the pipeline; a name that is none is told with those there are."""
    kernel.run("other = pipeline('Another text about refunds.')")
    kernel.run("%ask --rag other How?")
    assert kernel.run("print(len(other.answers()))").out == "1\n"
    assert kernel.run("%ask --rag nothing How?").err.startswith("UsageError: nothing is no RAGPipeline")
    kernel.run("del other")


def test_not_waiting(kernel):
    """--no-wait returns at once, and the Answer can be awaited."""
    assert kernel.run("%ask --no-wait -o later How?").err == ""
    assert kernel.run("done = await later\nprint(done.status)").out == "finished\n"


def test_which_pipeline(tmp_path):
    """The only pipeline is used whatever its name; of several none is guessed; without one, one is made,
    said in a line and kept as rag, and an empty index is told."""
    kernel = Kernel(tmp_path)
    try:
        kernel.run(SETUP.replace("rag = pipeline", "handbook = pipeline"))
        assert kernel.run("%ask How?").status == "ok"
        assert kernel.run("print(len(handbook.answers()))").out == "1\n"
        kernel.run("second = pipeline()")
        assert "several pipelines: say --rag and one of handbook, second" in kernel.run("%ask How?").err
        said = kernel.run("%ask --rag second How?")
        assert "second.ingest(" in said.err
        kernel.run("del handbook, second, _")
        kernel.run("rag = 5")
        assert "rag is something else" in kernel.run("%ask How?").err
        kernel.run("del rag, os.environ['OPENAI_API_KEY']")
        said = kernel.run("%ask How do refunds work?")
        assert said.out.count("\n") == 1 and "rag = RAGPipeline(llm='extractive'" in said.out
        assert said.err.strip() == (
            'UsageError: No documents are in the index yet: rag.ingest("a/folder") adds some.'
        )
        kernel.run(f"rag.add({TEXTS!r});")
        said = kernel.run("%ask How are refunds paid?")
        assert "within five days" in said.shown[0]["text/html"] and said.out == ""
    finally:
        kernel.stop()


# ---- help and errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["%ask --help", "%%ask --help", "%%ask --help\n"])
def test_help(kernel, cell):
    """--help tells every flag and asks nothing."""
    asked = kernel.run("print(len(rag.answers()))").out
    said = kernel.run(cell)
    assert (said.status, said.err) == ("ok", "")
    assert all(flag in said.out for flag in FLAGS)
    assert kernel.run("print(len(rag.answers()))").out == asked


@pytest.mark.parametrize("cell", ["%ask?", "?%ask", "%%ask?"])
def test_help_by_a_question_mark(kernel, cell):
    """IPython's own way to help works too."""
    assert "--keep-live" in kernel.run(cell).help


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%ask", "The question is empty"),
        ("%%ask", "The question is empty"),
        ("%%ask -k 3\n  \n", "The question is empty"),
        ("%ask --lang en How?", "There is no flag --lang; there are --rag, -k,"),
        ("%ask -k many How?", "-k wants a number of passages, such as -k 5, and 'many' is none."),
        ("%ask -k", "-k wants a value: -k N."),
        ("%ask -k 0 How?", "k=0 is no number of passages"),
        (
            "%ask --where lang=en How?",
            '--where wants a filter such as {"lang": "en"}, and lang=en is none.',
        ),
        ('%ask --where {"lang": {"near": 3}} How?', "near"),
        ("%ask --out 5x How?", "--out wants the name of a variable, and '5x' cannot be one."),
        ("%ask --no-waiting How?", "There is no flag --no-waiting"),
    ],
)
def test_errors_are_one_sentence(kernel, cell, sentence):
    """What cannot be asked is told in words, without a traceback, and the cell fails."""
    said = kernel.run(cell)
    assert said.err.startswith("UsageError: ") and sentence in said.err
    assert said.err.count("\n") == 1
    assert (said.status, said.traceback, said.shown) == ("error", "", [])


# ---- completion ----------------------------------------------------------------------------------


def test_completion_of_flags(kernel):
    """A dash offers the flags, in both magics, after other flags too; within the question it does not."""
    assert set(kernel.complete("%ask --")) == {flag for flag in FLAGS if flag.startswith("--")}
    assert kernel.complete("%%ask --ke") == {"--keep-live": "keyword"}
    assert kernel.complete("answer = %ask -k 3 --no") == {"--no-wait": "keyword"}
    assert "--no-wait" not in kernel.complete("%ask How does --no")
    assert "%ask" in kernel.complete("%as")


def test_completion_of_names(kernel):
    """--rag offers pipelines, --where dicts, braces in the question variables."""
    kernel.run("ragged = 1; raggedfilter = {'lang': 'en'}")
    assert kernel.complete("%ask --rag ra") == {"rag": "instance"}
    assert kernel.complete("%ask --rag=ra") == {"rag": "instance"}
    assert kernel.complete("%ask --where rag") == {"raggedfilter": "instance"}
    assert kernel.complete("%ask -o ragg") == {"ragged": "instance", "raggedfilter": "instance"}
    assert kernel.complete("%ask -k 3 What is {ragge") == {
        "ragged": "instance",
        "raggedfilter": "instance",
    }
    assert set(kernel.complete("%%ask\nWhat is\nthe $ragged")) == {"ragged", "raggedfilter"}


# ---- the extension -------------------------------------------------------------------------------


def test_loading_and_unloading(tmp_path):
    """Twice is harmless, unloading takes all of it away, and it can be loaded again."""
    kernel = Kernel(tmp_path)
    try:
        kernel.run(SETUP)
        twice = kernel.run(
            "import ragnb\n%load_ext ragnb\n%reload_ext ragnb\nragnb.load_ipython_extension(get_ipython())"
        )
        assert twice.status == "ok"
        count = "ip = get_ipython(); print(len(ip.input_transformers_cleanup), len(ip.Completer.custom_matchers))"
        loaded = kernel.run(count).out
        assert kernel.run("%unload_ext ragnb").status == "ok"
        assert [int(n) + 1 for n in kernel.run(count).out.split()] == [int(n) for n in loaded.split()]
        assert "`%ask` not found" in kernel.run("%ask How do").err
        assert kernel.complete("%ask --ke") == {}
        kernel.run("%load_ext ragnb")
        assert kernel.run("%ask How?").status == "ok"
    finally:
        kernel.stop()


def test_import_is_light():
    """The magics, and IPython with them, are imported by %load_ext alone."""
    import subprocess
    import sys

    code = "import sys, ragnb; print([m for m in ('IPython', 'ragnb.magics', 'ragnb.pipeline') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_scripts_in_cells(kernel):
    """asyncio.run(main()) works in a cell, several times and nested, and so does await after it."""
    cell = """
import asyncio
async def main():
    return await rag.aquery("How?")
texts = {asyncio.run(main()), asyncio.run(main()), await main(), rag.query("How?")}
async def outer():
    return asyncio.run(main())
texts.add(asyncio.run(outer()))
print(texts)
"""
    said = kernel.run(cell)
    assert (said.out, said.err) == ("{'Refunds are paid within five days [1]. More.'}\n", "")


def test_scripts_in_cells_that_queue(kernel):
    """A cell that was sent while asyncio.run blocks the one before waits, and runs after it."""
    kernel.run("order = []")
    first = """
import asyncio
async def main():
    for _ in range(200):
        await asyncio.sleep(0.001)
    order.append("first")
asyncio.run(main())
"""
    one = kernel.client.execute(first)
    two = kernel.client.execute("order.append('second')")
    replies = {}
    while len(replies) < 2:
        reply = kernel.client.get_shell_msg(timeout=30)
        replies[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    assert replies == {one: "ok", two: "ok"}
    assert kernel.run("print(order)").out == "['first', 'second']\n"


def test_loaded_by_the_configuration(tmp_path):
    """Loaded while the kernel starts, before its loop runs, it works the same."""
    kernel = Kernel(tmp_path, "--InteractiveShellApp.extensions=ragnb")
    try:
        cell = "import asyncio\nasync def main():\n    return 5\nprint(asyncio.run(main()))"
        assert kernel.run(cell).out == "5\n"
        assert kernel.run("%ask --help").status == "ok"
    finally:
        kernel.stop()


# ---- the parts -----------------------------------------------------------------------------------


def test_help_names_every_flag():
    """The help and the parser know the same flags."""
    assert all(flag in HELP for flag in FLAGS)


def test_a_dash_before_the_question():
    """Two dashes end the flags; a number with a sign, or a lone dash, begins a question by itself."""
    assert parse("-k 3 -- --help is what?").question == "--help is what?"
    assert parse("-5 degrees?").question == "-5 degrees?"
    assert parse("- what?").question == "- what?"
    assert parse("What does -k 3 do?").k is None
    assert parse("-k3 --rag=r -o 'x' --no-wait Q").k == 3


def test_filters():
    """A filter is a dict in JSON or Python, or a variable with one."""
    assert filter_of('{"a": true}', {}) == {"a": True}
    assert filter_of("{'a': True}", {}) == {"a": True}
    assert filter_of("f", {"f": {"a": 1}}) == {"a": 1}
    for wrong in ("f", "[1]", "{1}", "{", ""):
        with pytest.raises(UsageError):
            filter_of(wrong, {})
    assert parse('--where {"a": {"in": ["}", 2]}} Q').where == '{"a": {"in": ["}", 2]}}'


def test_expanding():
    """Names of values alone are replaced, attributes too; no expression is evaluated."""
    names = {"n": 3, "s": SimpleNamespace(x="y"), "empty": None, "f": len, "_": "past"}
    assert expand("{n} $n. {s.x} $s.x.", names) == "3 3. y y."
    for kept in ("{n + 1}", "{empty}", "{f}", "$_", "{}", "{0}", "{n!r}", "{{unknown}}", "$$5", "$"):
        assert expand(kept, names) == kept


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("s = '''\n%ask what?\n'''", "s = '''\n%ask what?\n'''"),
        (
            "if 1:\n    %ask Why?\n    y = 2",
            "if 1:\n    get_ipython().run_line_magic('ask', 'Why?')\n    y = 2",
        ),
        ("%ask a \\\nb?", "get_ipython().run_line_magic('ask', 'a  b?')"),
        (
            "int?\n%ask How?",
            "get_ipython().run_line_magic('pinfo', 'int')\nget_ipython().run_line_magic('ask', 'How?')",
        ),
        ("%askme?", "get_ipython().run_line_magic('pinfo', '%askme')"),
        ("%%ask -k 3", "get_ipython().run_line_magic('ask', '-k 3')"),
    ],
)
def test_what_python_sees(cell, code):
    """A line with %ask becomes one call, whatever it ends with; strings and other magics are left alone."""
    manager = TransformerManager()
    manager.cleanup_transforms.append(without_body)
    manager.token_transformers.append(QuestionLine)
    assert manager.transform_cell(cell) == f"{code}\n"
