"""The golden logs: each of them an answer that every reader must show alike."""

from __future__ import annotations

from collections.abc import Callable

from ragnb.answer import Answer
from ragnb.documents import Locator
from ragnb.events import Cancelled, Failed, Reranked, Resumed, Retrieved, Retrying, Rewritten, Routed, Used
from ragnb.simulator import Cut, ErrorEvent, Status
from tests.golden.record import MODEL, Log, passages, record

ENDED = Retrying(
    fault="interrupted", message="The process that wrote this answer ended.", attempt=1, wait=0.0
)
LOGS: dict[str, Callable[[], Answer | bytes]] = {}


def golden(make: Callable[[], Answer | bytes]) -> Callable[[], Answer | bytes]:
    LOGS[make.__name__] = make
    return make


# ---- while it runs -----------------------------------------------------------------------------------


@golden
def starting():
    return Log().answer


@golden
def searching_done():
    return Log().retrieved().answer


@golden
def waiting():
    return Log().found().answer


@golden
def streaming():
    """Cut in the middle: an open emphasis, a list, a marker that may still become something else."""
    text = "**Refunds** are paid within five working days [1].\n\n- Dogs are *wel"
    return Log().found().write(text).answer


@golden
def streaming_marker():
    return Log().found().write("Refunds are paid within five working days [1").answer


@golden
def waiting_for_the_next_attempt():
    said = Retrying(fault="overloaded", message="OpenAI is overloaded.", attempt=1, wait=2.0)
    return Log().found().add(0.2, said).answer


# ---- well ended --------------------------------------------------------------------------------------


@golden
def simple():
    return record(
        "How long does a refund take?",
        answer="Refunds are paid within five working days to the card that was used [1]. "
        "A reservation for a bicycle costs 15 euros [2].",
    )


@golden
def rich_markdown():
    return Log("Tell me **all** about <it>.").found().write(RICH).finish(output_tokens=310, cost=0.00024)


RICH = """\
# What it costs

Short: **15 euros**[1], and *"free"*[2] for ~~few~~ some. **All of it [1].** Call `ticket[1]` or __init__.

## In detail

- A reservation costs 15 euros [2].
    - Folding bicycles: free [2].
        1. first
        2. second [3]
- Dogs

3. three
4. four [1]

| What | Price |
| :--- | ---: |
| Bicycle [2] | 15 € |
| Dog | 29 € [3] |

> Dogs are welcome in sleeper cabins [3].
> > And in couchettes?

```python
price = prices[1]  # no citation [2]
if price < 15 and price > 3: print("&amp; <b>")
```

    indented [1]

Line one\\
line two  
line three, [a page](https://ok.example/a?b=1&c=2), [mail](mailto:us@ok.example), <https://ok.example/x>, \
[nowhere](javascript:alert(1)), ![a picture](https://evil.example/a.png), \\*stars\\*, &copy; &amp; &lt;i&gt;, <b>no html</b>.

***

Set\\[1] and 2 * 3 * 4 = 24, a_b_c, $x^2$ and \\(y\\), [9], [1](https://ok.example/one), 5 < 6.

Below the line
--------------

The end [1, 2], [source 3] and 【2】.
"""


@golden
def native_citations():
    """The provider reports the citations beside the text."""
    return record(
        "How long does a refund take?",
        llm="anthropic",
        answer="Refunds are paid within five working days [1]. A large dog costs 29 euros a night [3].\n\nAsk at the station.",
    )


@golden
def native_citations_at_odd_places():
    """Behind a table's row, a list's item, bold words, code, a heading, and white space."""
    text = (
        "# Prices\n\n| What | Price |\n| --- | --- |\n| Bicycle | 15 euros |\n\n- **Dogs are welcome.**\n- Others  \n\n"
        "```\nfree\n```\n\nFolding bicycles are luggage \n"
    )
    log = Log().found().write(text, citing=False)
    log.cite("# Prices", 1, "10 euros")
    log.cite("| Bicycle | 15 euros |", 2, "A reservation for a bicycle costs 15 euros.")
    log.cite("- **Dogs are welcome.**", 3, "Dogs are welcome in sleeper cabins.")
    log.cite("- Others  \n", 1, "A Flex ticket")
    log.cite("```\nfree\n```", 2, "free of charge")
    return log.cite("Folding bicycles are luggage \n", 2, "Folding bicycles are luggage").finish()


@golden
def several_numbers():
    text = "Refunds take five days, and dogs are welcome [1, 3]. Bicycles cost 15 euros [2][1]. Nothing [7]. All [1;2, 9]."
    return Log().found().write(text).finish()


@golden
def reranked():
    log = Log().retrieved()
    order = passages()[::-1]
    scored = tuple(
        type(hit)(hit.chunk, score) for hit, score in zip(order, (8.25, 1.5, -3.125), strict=True)
    )
    log.add(
        0.19,
        Reranked(hits=scored, reranker="cross-encoder"),
        Routed(model=MODEL, reason="the question is short"),
    )
    return (
        log.write("Dogs are welcome, said the first.", citing=False)
        .cite("Dogs are welcome", 1, "Dogs are welcome")
        .finish()
    )


@golden
def reranked_in_part():
    """Time ran out, or the reranker failed: the reader is told."""
    log = Log().retrieved()
    note = "2 of 3 passages were scored in 0.3 s; the others keep their places"
    log.add(0.3, Reranked(hits=passages(), reranker="late-interaction", note=note))
    log.add(0.0004, Routed(model=MODEL, reason="you asked for it"))
    return log.write("Within five working days [1].").finish()


@golden
def follow_up():
    """A turn of a chat, searched for in other words than its own."""
    log = Log("And for dogs?").add(
        0.31,
        Used(model=MODEL, input_tokens=120, output_tokens=9, cost=0.00003),
        Rewritten(
            question="What does it cost to take a dog?", others=("Price of a dog",), note="a rule did"
        ),
    )
    return log.found().write("Dogs cost 29 euros [3].").finish()


@golden
def two_models():
    """Routed twice: what is said is the last one's."""
    log = Log().found(model="groq:openai/gpt-oss-20b", reason="the question is easy").used(cost=0.0001)
    log.add(0.3, Routed(model="openai:gpt-4.1", reason="the passages disagree"))
    return log.write("Within five working days.").finish(cost=0.0123)


@golden
def routed():
    """A router chose a tier, and says why."""
    log = Log().found(
        model="openai:gpt-4.1-mini",
        reason="with 91% probability “small” is as good as the largest one: the best passage fits well",
        tier="small",
    )
    return log.write("Within five working days.").finish(cost=0.000412)


@golden
def escalated():
    """The smaller tier would not answer, which nobody saw; what both cost is one sum."""
    log = (
        Log().found(model="openai:gpt-4.1-mini", reason="the rule says so", tier="small").used(cost=0.0004)
    )
    log.add(
        0.3, Routed(model="openai:gpt-4.1", reason="openai:gpt-4.1-mini would not answer", tier="large")
    )
    return log.write("Within five working days.").finish(cost=0.0082)


@golden
def with_a_filter():
    return record("Refunds?", where={"lang": "en"}, answer="Within five working days [1].")


@golden
def extractive():
    return record("How much is a reservation for a bicycle?", llm="extractive")


@golden
def nothing_found():
    """No passage speaks of it, and the answer says so."""
    log = (
        Log("Where is the moon?")
        .add(0.02, Retrieved(hits=()))
        .add(0.0, Routed(model=MODEL, reason="you asked for it"))
    )
    return log.write("I found no answer in these documents.", citing=False).finish()


@golden
def empty():
    return Log().found().finish(output_tokens=0, cost=0.0)


@golden
def estimated():
    return Log().found().write("Within five working days [1].").finish(estimated=True)


@golden
def price_unknown():
    return Log().found(model="ollama:qwen3").write("Within five working days [1].").finish(cost=None)


@golden
def by_length():
    return record(
        "Dogs?",
        answer="Dogs are welcome in sleeper cabins [3]. A large dog costs 29 euros.",
        options={"max_tokens": 9},
    )


# ---- trouble -----------------------------------------------------------------------------------------


@golden
def retried():
    """The provider is overloaded before the first token, twice."""
    return record(
        "Refunds?",
        answer="Within five working days [1].",
        faults=[Status(503), Status(429, retry_after=0.25), None],
    )


@golden
def resumed_in_a_word():
    log = Log().found().write("Refunds are paid within **five work", every=0.03)
    lost = Retrying(
        fault="cut",
        message="OpenAI closed the connection before the answer was complete.",
        attempt=1,
        wait=0.5,
    )
    log.add(0.1, Used(model=MODEL, input_tokens=400, output_tokens=9, cost=0.00007, estimated=True)).add(
        0.0, lost
    )
    log.add(0.8, Resumed(strategy="cursor", model=MODEL, offset=len(log.answer.text), trimmed=4))
    return log.write("ing days** to the card that was used [1].", after=0.2, every=0.03).finish()


@golden
def resumed_in_code():
    log = Log("Show me code.").found().write("Like this [2]:\n\n```python\nprice = ")
    log.add(20.0, Retrying(fault="stalled", message="OpenAI stopped sending.", attempt=1, wait=0.0))
    log.add(0.61, Routed(model="groq:openai/gpt-oss-20b", reason="OpenAI stalled"))
    log.add(0.0, Resumed(strategy="prefix", model="groq:openai/gpt-oss-20b", offset=len(log.answer.text)))
    return log.write("15\nprint(price)\n```\n\nThat is all.").finish()


@golden
def resumed_often():
    """Between two paragraphs, before a list item, in a table; two attempts at one place count once."""
    log = Log().found().write("Refunds take five days [1].\n\n")
    for wait in (0.5, 1.0):
        log.add(0.1, Retrying(fault="cut", message="Cut.", attempt=1, wait=wait))
        log.add(wait + 0.2, Resumed(strategy="prefix", model=MODEL, offset=len(log.answer.text)))
    log.write("Others:\n- dogs\n- ")
    log.add(0.05, Resumed(strategy="cursor", model=MODEL, offset=len(log.answer.text)))
    log.write("bicycles\n\n| a | b |\n| - | - |\n| 1 | 2 |\n")
    log.add(0.1, Retrying(fault="server", message="It failed.", attempt=1, wait=65.0))
    log.add(65.0, Resumed(strategy="prefix", model=MODEL, offset=len(log.answer.text)))
    return log.write("| 3 | 4 |\n").finish()


@golden
def resumed_after_the_process():
    """Ended in a backoff, so that two reasons stand in the log; the later one is told."""
    log = Log().found().write("Refunds are paid within **five work")
    log.add(0.1, Used(model=MODEL, input_tokens=400, output_tokens=9, cost=0.00007, estimated=True))
    log.add(0.0, Retrying(fault="cut", message="Cut.", attempt=1, wait=2.0))
    log.add(0.0, ENDED).add(0.84, Resumed(strategy="instruction", model=MODEL, offset=len(log.answer.text)))
    return log.write("ing days** to the card that was used [1].", after=0.0).finish()


@golden
def taken_up_before_its_text():
    return Log().found().add(0.0, ENDED).answer


@golden
def resumed_after_a_stop():
    log = Log().found().write("Refunds are paid within five work")
    log.add(0.0, Retrying(fault="cancelled", message="The answer was cancelled.", attempt=1, wait=0.0))
    log.add(0.5, Resumed(strategy="instruction", model=MODEL, offset=len(log.answer.text)))
    return log.write("ing days.").finish()


@golden
def stalled():
    log = Log().found().write("Refunds are paid within five ").write("working days, to ", after=3.2)
    return log.write("the card that was used [1].", after=1.4).finish()


@golden
def failed_with_text():
    return record(
        "Refunds?",
        answer="Refunds are paid within five working days [1]. Dogs are welcome.",
        faults=[ErrorEvent(12), *[Status(503)] * 3],
    )


@golden
def failed_in_code():
    """Cut while a fence is open."""
    return record(
        "Refunds?",
        answer="See [1]:\n\n```python\nprice = 15\nprint(price)\n```\n",
        faults=[Cut(9), *[Status(503)] * 3],
    )


@golden
def failed_without_text():
    return record("Refunds?", faults=[Status(401)])


@golden
def failed_before_retrieval():
    failed = Failed(
        error="EmptyIndexError",
        message="There is nothing to search.",
        advice="Add documents first: rag.ingest(folder).",
    )
    return Log().add(0.004, failed).answer


@golden
def cancelled():
    return (
        Log()
        .found()
        .write("Refunds are paid within five working days [1]. Dogs")
        .used(estimated=True)
        .add(0.0, Cancelled())
        .answer
    )


@golden
def cancelled_at_once():
    return Log().add(0.003, Cancelled()).answer


# ---- letters -----------------------------------------------------------------------------------------


@golden
def right_to_left():
    hebrew = ("החזרים", "החזר כספי ניתן תוך חמישה ימי עבודה. כלבים מורשים.", Locator(pages=(2, 2)))
    arabic = ("استرداد", "يتم رد المبلغ خلال خمسة أيام عمل.", Locator(heading=("استرداد",)))
    log = Log("כמה זמן לוקח החזר?", k=2).found(*passages(hebrew, arabic))
    return log.write(
        "החזר כספי ניתן תוך **חמישה** ימי עבודה [1].\n\n- خلال خمسة أيام عمل [2]\n- OK"
    ).finish()


@golden
def astral():
    """Emoji, joined emoji and other characters of two UTF-16 units before and in what is cited."""
    text = (
        "𝔘nicode 🚆",
        "🚆 Trains 👩\u200d🚀 run. 𝓓ogs 🐕 ride for 𝟐𝟗 €. Flags 🇩🇪 too.",
        Locator(label="Table 𝟏"),
    )
    log = Log("🐕?", k=1).found(*passages(text))
    log.write("🚆🚆 Trains 👩\u200d🚀 run [1]. 𝓓ogs 🐕 ride for 𝟐𝟗 € [1]. ")
    log.add(0.5, Retrying(fault="cut", message="Cut.", attempt=1, wait=0.1))
    log.add(0.3, Resumed(strategy="cursor", model=MODEL, offset=len(log.answer.text)))
    return log.write("🇩🇪 Flags", citing=False).cite("🇩🇪 Flags", 1, "Flags 🇩🇪 too.").finish()


@golden
def unseen_characters():
    """Control characters and bidi overrides go, and the offsets are of the text as it was."""
    return (
        Log()
        .found()
        .write("a\x00b\x1b[31m red\u202e dogs [3]. \u2066Refunds take\r\nfive days [1].\x9b")
        .finish()
    )


# ---- the log itself ----------------------------------------------------------------------------------


def _lines(answer: Answer) -> list[bytes]:
    return answer.to_jsonl().splitlines(keepends=True)


@golden
def unknown_events():
    dreamt = [
        b'{"type":"Dreamt","seq":3,"at":0.03,"of":["sheep"]}\n',
        b'{"type":"Woke","seq":4,"at":0.04}\n',
    ]
    log = Log().found()
    return b"".join([*_lines(log.answer), *dreamt]) + _renumbered(
        Log().found().write("Five days [1].").finish(), 3, 5
    )


@golden
def an_unknown_event():
    return b"".join(_lines(Log().answer)) + b'{"type":"Dreamt","seq":1,"at":0.03}\n'


@golden
def missing_event():
    lines = _lines(Log().found().write("Refunds are paid within five working days [1].").finish())
    return b"".join(lines[:7] + lines[9:])


@golden
def broken_line():
    lines = _lines(Log().found().write("Refunds are paid within five working days [1].").finish())
    return b"".join(lines[:6]) + lines[6][: len(lines[6]) // 2] + b"\n" + b"".join(lines[7:])


@golden
def begins_late():
    return b"".join(_lines(Log().found().write("Five days [1].").finish())[2:])


def _renumbered(answer: Answer, first: int, seq: int) -> bytes:
    lines = _lines(answer)[first:]
    return b"".join(
        line.replace(b'"seq":%d,' % (first + n), b'"seq":%d,' % (seq + n), 1)
        for n, line in enumerate(lines)
    )


# ---- large -------------------------------------------------------------------------------------------


@golden
def many_citations():
    text = "".join(f"Claim {n} about refunds [{n % 3 + 1}].\n\n" for n in range(500))
    return Log().found().write(text, every=0.002).finish(output_tokens=4000)


@golden
def long_table():
    rows = "".join(f"| {n} | Dogs are welcome in cabin {n} [3] | {n * 3} € |\n" for n in range(200))
    return (
        Log()
        .found()
        .write(f"| No. | What | Price |\n| ---: | :--- | :---: |\n{rows}", every=0.002)
        .finish(output_tokens=4000)
    )
