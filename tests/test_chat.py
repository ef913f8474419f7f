"""Chats: follow-up questions, the memory of what was said, threads, and their turns in the journal."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import msgspec
import pytest

from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import InvalidInputError
from ragnb.events import Cancelled, Failed, Finished, Rewritten, Started, Token, Used, to_json
from ragnb.llms.extractive import ExtractiveLLM
from ragnb.llms.openai import OpenAILLM
from ragnb.resumption.policy import Retry
from ragnb.simulator import Cut, NeverAnswer, Simulator, Status, prompt, tokenize
from ragnb.widget.form import LiveForm
from tests.conftest import TEXTS

ALONE = "What does a large dog cost in a cabin?"
REPLIES = {
    "How do refunds work?": "They are paid within five days [1].",
    "And for dogs?": "It is 29 euros [1].",
}


def replying(request):
    """Rewrites what it is asked to, and answers the last question."""
    if is_rewriting(request):
        return ALONE
    asked = prompt.texts(request)[-1]
    return next((reply for asking, reply in REPLIES.items() if asked.endswith(asking)), "So it is [1].")


def is_rewriting(request):
    return any("Rewrite the last question" in text for text in prompt.texts(request))


def answered(chat, question, **options):
    """One turn, to its end."""
    answer = chat.start(question, **options)
    assert answer.wait(timeout=20)
    return answer


def turns_of(request):
    """What was sent: role and text, in order."""
    return [(turn["role"], prompt.texts({"messages": [turn]})[-1]) for turn in request.json["messages"]]


@pytest.fixture
def two_turns(wired):
    """A chat of two turns, its pipeline and its provider."""
    rag, sim = wired(answer=replying)
    chat = rag.chat()
    answered(chat, "How do refunds work?")
    answered(chat, "And for dogs?")
    return chat, rag, sim


def test_a_follow_up(two_turns):
    """It is searched for as the model rewrote it, and asked as it was asked, after the turns before it."""
    chat, _, sim = two_turns
    first, second = chat.answers
    assert [type(event).__name__ for event in second.events][:5] == [
        "Started",
        "Used",
        "Rewritten",
        "Retrieved",
        "Routed",
    ]
    assert second.question == "And for dogs?" and second.text == "It is 29 euros [1]."
    assert (second.last(Rewritten).question, second.last(Rewritten).model) == (ALONE, "openai:gpt-4o-mini")
    assert len(list(second.all(Used))) == 2 and second.cost > 0
    assert first.last(Rewritten) is None  # nothing was said before it
    assert first.chat == second.chat == chat.id
    assert len(sim.requests) == 3
    (_, *history, (role, asked)) = turns_of(sim.requests[2])
    assert history == [("user", "How do refunds work?"), ("assistant", "They are paid within five days.")]
    assert role == "user" and "<passage number=" in asked and asked.endswith("Question: And for dogs?")


def test_what_is_sent_to_rewrite(two_turns):
    """The turns and the question, no passages; and the request is not answered from the documents."""
    _, _, sim = two_turns
    (system, rules), (user, asked) = turns_of(sim.requests[1])
    assert (system, user) == ("system", "user")
    assert "numbered passages" not in rules and "<passage" not in asked
    assert "They are paid within five days." in asked and asked.endswith("Question: And for dogs?")


def test_every_way_to_ask(wired):
    """A chat is asked as a pipeline is, and each question is a turn of it."""
    rag, _ = wired(answer=replying)
    chat = rag.chat()
    assert chat.query("How do refunds work?") == REPLIES["How do refunds work?"]
    assert "".join(chat.stream("And for dogs?")) == REPLIES["And for dogs?"]
    assert chat.ask("And for dogs?").text == REPLIES["And for dogs?"]
    assert isinstance(next(chat.events("Why?")), Started)
    assert [a.question for a in chat.answers] == [
        "How do refunds work?",
        "And for dogs?",
        "And for dogs?",
        "Why?",
    ]
    assert len(rag.answers()) == 4


async def test_the_async_ways(wired):
    """Their coroutines do the same."""
    rag, _ = wired(answer=replying)
    chat = rag.chat()
    assert await chat.aquery("How do refunds work?") == REPLIES["How do refunds work?"]
    assert "".join([piece async for piece in chat.astream("And for dogs?")]) == REPLIES["And for dogs?"]
    assert (await chat.aask("And for dogs?")).status == "finished"
    assert len(chat.answers) == 3


@pytest.mark.parametrize("fault", [Status(500), Cut(0), NeverAnswer()], ids=repr)
def test_where_the_model_does_not_rewrite(wired, fault):
    """A rule does, soon, and the log says why; the answer comes."""
    rag, sim = wired(answer=replying)
    if isinstance(fault, NeverAnswer):
        rag._answering.engine = replace(rag._answering.engine, patience=1.0)
    chat = rag.chat()
    answered(chat, "What does a large dog cost?")
    sim.faults.append(fault)
    answer = answered(chat, "And in a cabin?")
    rewritten = answer.last(Rewritten)
    assert answer.status == "finished" and not rewritten.model
    assert rewritten.question == "And in a cabin? large dog cost"
    assert rewritten.note.startswith("openai:gpt-4o-mini ")
    assert len(list(answer.all(Used))) == 1


@pytest.mark.parametrize("reply", ["", " \n ", "x" * 5_000], ids=["nothing", "white space", "an essay"])
def test_a_rewriting_that_is_none(wired, reply):
    """Nothing, or far too much, is no question: the rule writes it, and what was used is counted."""
    rag, _ = wired(answer=lambda request: reply if is_rewriting(request) else "So it is [1].")
    chat = rag.chat()
    answered(chat, "What does a large dog cost?")
    answer = answered(chat, "And in a cabin?")
    assert answer.last(Rewritten).question == "And in a cabin? large dog cost"
    assert "gave no question" in answer.last(Rewritten).note
    assert len(list(answer.all(Used))) == 2


def test_a_rewriting_with_words_around_it(wired):
    """Quotation marks, numbers and “Question:” are left out."""
    rag, _ = wired(answer=lambda r: f'Question: "{ALONE}"\n' if is_rewriting(r) else "So it is [1].")
    chat = rag.chat()
    answered(chat, "Dogs?")
    assert answered(chat, "And the price?").last(Rewritten).question == ALONE


@pytest.mark.parametrize("out", [0, 3])
def test_cancelled_while_it_is_rewritten(wired, out):
    """The connection is closed and the log ends, at once; what was out of the rewriting is no answer."""
    rag, sim = wired(answer=replying, gate=True)
    chat = rag.chat()
    sim.release(len(tokenize(REPLIES["How do refunds work?"])))
    answered(chat, "How do refunds work?")
    sim.release(out)
    answer = chat.start("And for dogs?")
    assert is_rewriting(sim.wait_for_request(2).json)
    answer.cancel()
    assert answer.wait(timeout=20)
    sim.wait_for_disconnect()
    assert isinstance(answer.events[-1], Cancelled)
    assert not answer.text and answer.last(Rewritten) is None
    assert len(sim.requests) == 2


async def test_breaking_off_while_it_is_rewritten(wired):
    """So does closing the iterator, and nothing is left behind."""
    rag, sim = wired(answer=replying, gate=True)
    chat = rag.chat()
    sim.release(len(tokenize(REPLIES["How do refunds work?"])))
    await chat.aquery("How do refunds work?")
    async for event in chat.aevents("And for dogs?"):
        assert isinstance(event, Started)
        await asyncio.to_thread(sim.wait_for_request, 2)
        break
    await asyncio.to_thread(chat.answers[-1].wait, None, 20)
    assert chat.answers[-1].status == "cancelled"
    await asyncio.to_thread(sim.wait_for_disconnect)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_without_a_model(minilm):
    """The extractive answerer's follow-ups are written by a rule, found, and answered from the right passage."""
    rag = RAGPipeline(ExtractiveLLM(minilm.embed_documents), minilm, home=None)
    rag.add(TEXTS)
    chat = rag.chat()
    assert "29 euros" not in rag.query("What do they cost?")
    assert "welcome" in answered(chat, "Are dogs welcome?").text
    answer = answered(chat, "What do they cost?")
    assert answer.last(Rewritten).question == "What do they cost? dogs welcome"
    assert "29 euros" in answer.text
    assert (
        answered(chat, "How are refunds paid in full?").last(Rewritten).question
        == "How are refunds paid in full?"
    )
    rag.close()


def test_memory(wired):
    """The newest turns that fit are sent, the newest one cut to fit; none with memory=0."""
    rag, sim = wired(answer=lambda request: "word " * 100)
    chat = rag.chat(memory=300)
    for number in range(4):
        answered(chat, f"Question {number}?")
    (_, *history, _) = turns_of(sim.requests[-1])
    assert [text for role, text in history if role == "user"] == ["Question 1?", "Question 2?"]
    assert history[1] == ("assistant", ("word " * 100).strip())
    small = rag.chat(chat.id, memory=50)
    answered(small, "Question 4?")
    (_, *history, _) = turns_of(sim.requests[-1])
    assert [text for role, text in history if role == "user"] == ["Question 3?"]
    assert sum(len(text) for _, text in history) == 200
    asked = len(sim.requests)
    answered(rag.chat(chat.id, memory=0), "Question 5?")
    assert [role for role, _ in turns_of(sim.requests[-1])] == ["system", "user"]
    assert len(sim.requests) == asked + 1  # nothing to rewrite from


def test_a_question_asked_again(two_turns):
    """The last answer to it counts, and the question does not stand before itself."""
    chat, _, sim = two_turns
    again = chat.start_again(chat.answers[-1])
    assert again.wait(timeout=20)
    (_, *history, _) = turns_of(sim.requests[-1])
    assert [text for _, text in history] == ["How do refunds work?", "They are paid within five days."]
    assert len(chat.answers) == 3


def test_what_ended_badly_is_no_memory_without_text(wired):
    """A turn that failed before its first word is in the thread, and not sent."""
    rag, sim = wired(answer=replying)
    chat = rag.chat()
    sim.faults.extend([Status(401)])
    assert isinstance(answered(chat, "How do refunds work?").events[-1], Failed)
    answered(chat, "Why?")
    assert [role for role, _ in turns_of(sim.requests[-1])] == ["system", "user"]
    assert len(chat.answers) == 2


def test_two_chats_at_once(wired):
    """Each knows its own turns, and both go on while questions outside of them are asked."""
    rag, sim = wired(answer=replying)
    chats = [rag.chat(), rag.chat()]
    failed = []

    def talk(chat, subject):
        try:
            for number in range(3):
                answered(chat, f"{subject} {number}?")
                rag.query("How?")
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=talk, args=pair) for pair in zip(chats, ("Dogs", "Bicycles"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for chat, subject in zip(chats, ("Dogs", "Bicycles"), strict=True):
        assert [a.question for a in chat.answers] == [f"{subject} {n}?" for n in range(3)]
    for request in sim.requests:
        said = json.dumps(request.json)
        assert not ("Dogs 0?" in said and "Bicycles 0?" in said)


async def test_two_questions_of_one_chat_at_once(wired):
    """What still runs is not in the memory of what is asked meanwhile; both are turns."""
    rag, sim = wired(answer=replying, gate=True)
    chat = rag.chat()
    first, second = chat.start("How do refunds work?"), chat.start("And for dogs?")
    sim.release_all()
    await asyncio.gather(asyncio.to_thread(first.wait), asyncio.to_thread(second.wait))
    assert (first.status, second.status) == ("finished", "finished")
    assert second.last(Rewritten) is None
    assert len(chat.answers) == 2


def test_thousands_of_turns(wired):
    """A long chat is gone on with at once: only the turns that fit are read."""
    rag, sim = wired(answer=replying)
    chat = rag.chat()
    journal = rag._answering.journal
    for number in range(3_000):
        answer = journal.begin(
            Started(answer_id=f"0-{number:05}", question=f"Q{number}?", k=1, chat=chat.id)
        )
        answer.append(Token(text=f"A{number}"))
        answer.append(Finished(reason="stop"))
    answered(chat, "And for dogs?")
    (_, *history, _) = turns_of(sim.requests[-1])
    assert history[-2:] == [("user", "Q2999?"), ("assistant", "A2999")]
    assert len(history) == 60
    assert "2,951 earlier turns are not shown." in chat._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("question", ["", "  ", None, 5])
def test_empty_follow_ups(two_turns, question):
    """What is no question is refused before anything is written."""
    chat, _, sim = two_turns
    with pytest.raises(InvalidInputError, match="empty"):
        chat.ask(question)
    assert (len(chat.answers), len(sim.requests)) == (2, 3)


def test_what_is_no_chat(wired):
    """A chat that is not there, and a memory that is none, are refused with what to do."""
    rag, _ = wired(answer=replying)
    rag.query("Why?")
    for wrong in ("nowhere", "", "../x", 5):
        with pytest.raises(InvalidInputError, match="There is no chat"):
            rag.chat(wrong)
    for wrong in (-1, "much", True, None):
        with pytest.raises(InvalidInputError, match="no number of tokens"):
            rag.chat(memory=wrong)


def test_keys(two_turns):
    """A key is one answer in a chat too, and belongs to that chat."""
    chat, rag, sim = two_turns
    first = answered(chat, "Why?", key="why")
    asked = len(sim.requests)
    assert answered(chat, "Why?", key="why").id == first.id and len(sim.requests) == asked
    with pytest.raises(InvalidInputError, match="chat="):
        rag.start("Why?", key="why")


# ---- in the journal ---------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path):
    """Makes pipelines on one home and one provider, as processes that follow each other would."""
    with Simulator(replying) as sim, Simulator() as vectors:

        def make():
            rag = RAGPipeline(
                OpenAILLM("m", base_url=sim.url, api_key="test"),
                OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
                "memory",
                home=tmp_path / "home",
                retry=Retry(attempts=3, initial=0.0, maximum=0.0),
            )
            rag.add(TEXTS)
            return rag, sim

        yield make


def test_going_on_with_a_chat(place):
    """Another pipeline on the same home finds the turns, and its questions follow them."""
    rag, _ = place()
    chat = rag.chat()
    answered(chat, "How do refunds work?")
    rag.close()
    other, sim = place()
    again = other.chat(chat.id)
    answered(again, "And for dogs?")
    (_, *history, _) = turns_of(sim.requests[-1])
    assert history[0] == ("user", "How do refunds work?")
    assert [a.question for a in again.answers] == ["How do refunds work?", "And for dogs?"]
    assert [entry.chat for entry in other.answers().entries] == [chat.id] * 2
    other.close()


def test_resumed_after_every_event(place):
    """A turn whose process ended goes on with the turns before it, and is not rewritten twice."""
    rag, sim = place()
    chat = rag.chat()
    answered(chat, "How do refunds work?")
    whole = answered(chat, "And for dogs?")
    (_, *history, _) = turns_of(sim.requests[-1])
    assert len(history) == 2
    for length in range(1, len(whole.events) - 1):
        answer_id = left_after(rag, whole, length)
        asked = len(sim.requests)
        answer = rag._answering.resume(answer_id).answer
        assert answer.wait(timeout=20)
        assert (answer.status, answer.text, answer.chat) == ("finished", whole.text, chat.id), length
        assert len(list(answer.all(Rewritten))) == 1
        assert turns_of(sim.requests[-1])[1:3] == history
        is_rewritten = any(isinstance(event, Rewritten) for event in whole.events[:length])
        assert len(sim.requests) == asked + (1 if is_rewritten else 2)
        assert answer.timing.rewrite <= answer.timing.retrieval
    rag.close()


def left_after(rag, answer, length):
    """The id of the same answer as a process leaves it that ends after so many events."""
    answer_id = f"{answer.id[:-4]}{length:04x}"
    events = [msgspec.structs.replace(answer.events[0], answer_id=answer_id), *answer.events[1:length]]
    file = rag._answering.journal.folder / f"{answer_id}.jsonl"
    file.write_bytes(b"".join(to_json(event) + b"\n" for event in events))
    return answer_id


def test_a_cancelled_turn_is_gone_on_with(place):
    """Its copy follows the turns before it, and it does not stand before itself."""
    rag, sim = place()
    chat = rag.chat()
    answered(chat, "How do refunds work?")
    whole = answered(chat, "And for dogs?")
    words = [n for n, event in enumerate(whole.events) if isinstance(event, Token)]
    answer_id = left_after(rag, whole, words[2])
    file = rag._answering.journal.folder / f"{answer_id}.jsonl"
    file.write_bytes(file.read_bytes() + to_json(Cancelled(seq=words[2], at=9.0)) + b"\n")
    answer = rag.resume(answer_id)
    assert (answer.status, answer.text) == ("finished", whole.text)
    assert [text for _, text in turns_of(sim.requests[-1])[1:3]] == [
        "How do refunds work?",
        "They are paid within five days.",
    ]
    assert turns_of(sim.requests[-1])[3][1].endswith("Question: And for dogs?")
    assert chat.answers[-1].id == answer.id
    rag.close()


# ---- in the cell ------------------------------------------------------------------------------------


def test_the_thread(two_turns):
    """A chat as a cell's value shows its turns in order, each with question, answer and folded passages."""
    chat, _, _ = two_turns
    shown = chat._repr_mimebundle_()
    first, second = chat.answers
    assert set(shown) == {"text/html", "text/markdown", "text/plain"}
    for text in shown.values():
        assert text.index("How do refunds work?") < text.index("five days") < text.index("And for dogs?")
        assert text.index("And for dogs?") < text.index("It is 29 euros")
    assert first._repr_mimebundle_()["text/html"] in shown["text/html"]
    assert second._repr_mimebundle_()["text/markdown"] in shown["text/markdown"]
    assert shown["text/html"].count("ragnb-sources") == 2 and "<details" in shown["text/html"]
    assert repr(chat) == f"<Chat {chat.id!r}: 2 turns>"


def test_the_thread_of_a_hostile_question(wired):
    """What a question holds is never HTML, nor loads anything in Markdown."""
    rag, _ = wired(answer="So it is [1].")
    chat = rag.chat()
    assert "Nothing has been asked yet." in chat._repr_mimebundle_()["text/html"]
    answered(chat, "<script>x</script> ![](https://evil.example/a.png) **?")
    shown = chat._repr_mimebundle_()
    assert "<script" not in shown["text/html"]
    assert "![](" not in shown["text/markdown"] and "<script" not in shown["text/markdown"]


def test_the_form(two_turns):
    """A question box under the turns: each new answer stands below the one before it, and in the record."""
    chat, _, _ = two_turns
    form = LiveForm(chat, ["Why?"], chat)
    form.looked.result(timeout=60)
    assert [child.answer.question for child in form.turns.children] == [
        "How do refunds work?",
        "And for dogs?",
    ]
    assert form.view.children[-1] is form.box and form.box.examples == ["Why?"]
    form.box._handle_custom_msg({"v": 1, "type": "ask", "question": "Why?", "k": 2}, [])
    form.settled.result(timeout=60)
    assert [child.answer.question for child in form.turns.children][2:] == ["Why?"]
    assert [a.question for a in form.answers] == [a.question for a in chat.answers]
    assert chat.answers[-1].first(Started).k == 2
    for widget in (*form.turns.children, form.turns, form.box):
        widget.close()


def test_the_form_outside_a_notebook(two_turns, capsys):
    """It says what it is, and what to do there."""
    chat, _, _ = two_turns
    chat.ui()._ipython_display_()
    assert "chat.ask(question)" in capsys.readouterr().out
