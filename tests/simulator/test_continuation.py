"""Continuing a partial answer in each provider's way, as the real SDKs ask for it."""

from __future__ import annotations

import anthropic
import openai
import pytest

from ragnb.simulator import (
    AddSpace,
    Cut,
    Exact,
    NoAnchor,
    Preamble,
    Repeat,
    RepeatAll,
    Simulator,
    SwallowSpace,
)
from tests.simulator.asking import chat, messages, responses
from tests.simulator.test_anthropic import search_result

ANSWER = "Refunds take five days, five days 東京 👩‍🚀 at most. Café, na\u0308her: `a  b`."
ASKED = {"role": "user", "content": "How do refunds work?"}
OLD = "claude-sonnet-4-5-20250929"
VLLM = {"extra_body": {"continue_final_message": True, "add_generation_prompt": False}}
GO_ON = "Your previous response was interrupted and ended with [{end}]. Continue from where you left off."
ANCHORED = 'Your answer was interrupted. Continue it. Begin with its last words, verbatim: "{anchor}"'


def shown(partial: str, **more) -> list[dict]:
    return [ASKED, {"role": "assistant", "content": partial, **more}]


def instructed(partial: str, instruction: str) -> list[dict]:
    return [*shown(partial), {"role": "user", "content": instruction}]


async def test_exact_continuation_at_every_character(openai_client):
    """vLLM's continue_final_message gives just the rest, wherever the partial ends."""
    with Simulator(ANSWER) as sim:
        client = openai_client(sim)
        for place in range(1, len(ANSWER) + 1):
            heard = await chat(client, messages=shown(ANSWER[:place]), **VLLM)
            assert heard.text == ANSWER[place:]
            assert heard.events[-1].choices[0].finish_reason == "stop"


async def test_vllm_wants_both_flags(openai_client):
    """Without add_generation_prompt=False vLLM refuses."""
    with Simulator(ANSWER) as sim:
        request = {"messages": shown("Ref"), "extra_body": {"continue_final_message": True}}
        heard = await chat(openai_client(sim), **request)
    assert isinstance(heard.error, openai.BadRequestError)
    assert "add_generation_prompt" in str(heard.error)


async def test_mistral_echoes_the_prefix(openai_client):
    """With prefix: true the stream begins with the partial itself."""
    with Simulator(ANSWER) as sim:
        heard = await chat(openai_client(sim), messages=shown("Refunds ta", prefix=True))
    assert heard.text == ANSWER
    assert heard.events[1].choices[0].delta.content == "Refunds ta"


async def test_openai_has_no_prefill(openai_client):
    """A last turn of the assistant without any flag is answered anew."""
    with Simulator(ANSWER) as sim:
        heard = await chat(openai_client(sim), messages=shown("Refunds ta"))
        of_responses = await responses(openai_client(sim), input=shown("Refunds ta"))
    assert (heard.text, of_responses.text) == (ANSWER, ANSWER)


async def test_prefill_at_every_character(anthropic_client):
    """Claude up to 4.5 goes on from the assistant's last turn."""
    with Simulator(ANSWER) as sim:
        client = anthropic_client(sim)
        for place in range(1, len(ANSWER) + 1):
            if not ANSWER[place - 1].isspace():
                heard = await messages(client, model=OLD, messages=shown(ANSWER[:place]))
                assert heard.text == ANSWER[place:]


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("claude-3-opus-20240229", True),
        ("claude-3-5-haiku-latest", True),
        ("claude-opus-4-20250514", True),
        ("claude-opus-4-1", True),
        (OLD, True),
        ("claude-haiku-4-5", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-4-6-20260201", False),
        ("claude-opus-4-10", False),
        ("claude-sonnet-5", False),
    ],
)
async def test_prefill_by_version(anthropic_client, model, taken):
    """Up to 4.5 prefill is taken; from 4.6 on it is the service's own 400."""
    with Simulator(ANSWER) as sim:
        heard = await messages(anthropic_client(sim), model=model, messages=shown("Refunds"))
    if taken:
        assert heard.text == ANSWER[len("Refunds") :]
        return
    assert isinstance(heard.error, anthropic.BadRequestError)
    assert heard.error.body["error"]["message"] == (
        "This model does not support assistant message prefill. "
        "The conversation must end with a user message."
    )


async def test_prefill_with_white_space_at_its_end(anthropic_client):
    """A prefill that ends in white space is refused; without it, the white space is sent again."""
    with Simulator(ANSWER) as sim:
        client = anthropic_client(sim)
        refused = await messages(client, model=OLD, messages=shown("Refunds "))
        taken = await messages(client, model=OLD, messages=shown("Refunds"))
    assert "cannot end with trailing whitespace" in str(refused.error)
    assert taken.text.startswith(" take")


@pytest.mark.parametrize("place", [1, 12, 33, 38, 45, len(ANSWER) - 1, len(ANSWER)])
async def test_instructed_continuation(openai_client, anthropic_client, place):
    """A partial and a user turn that asks to continue bring the rest, in every protocol."""
    turns = instructed(ANSWER[:place], GO_ON.format(end=ANSWER[:place][-20:]))
    with Simulator(ANSWER) as sim:
        heard = [
            await chat(openai_client(sim), messages=turns),
            await responses(openai_client(sim), input=turns),
            await messages(anthropic_client(sim), messages=turns),
        ]
    assert [(h.text, h.error) for h in heard] == [(ANSWER[place:], None)] * 3


async def test_anchored_continuation_at_every_character(openai_client):
    """Asked to begin with its last words, the model does so, and the white space after them is theirs."""
    with Simulator(ANSWER) as sim:
        client = openai_client(sim)
        for place in range(1, len(ANSWER) + 1):
            partial = ANSWER[:place]
            anchor = partial.rstrip()[-12:]
            turns = instructed(partial, ANCHORED.format(anchor=anchor))
            heard = await chat(client, messages=turns)
            assert heard.text == anchor + partial[len(partial.rstrip()) :] + ANSWER[place:]


@pytest.mark.parametrize(
    "named",
    ["“{}”", "<end>{}</end>", "`{}`", "\n\n{}\n\n", "[{}]", "»{}«"],
)
async def test_anchor_may_be_named_in_many_ways(openai_client, named):
    """Quotes, tags, brackets and lines of its own set an anchor apart."""
    instruction = "You were interrupted. Continue, and start with these words: " + named.format("five")
    with Simulator(ANSWER) as sim:
        heard = await chat(openai_client(sim), messages=instructed("Refunds take five", instruction))
    assert heard.text == "five" + ANSWER[len("Refunds take five") :]


async def test_anchor_in_json(openai_client):
    """An anchor with a line end may be named as JSON has it."""
    answer = 'He said "no"\nand left.'
    instruction = 'Continue. Begin with: "said \\"no\\"\\nand"'
    with Simulator(answer) as sim:
        heard = await chat(openai_client(sim), messages=instructed('He said "no"\nand', instruction))
    assert heard.text == 'said "no"\nand left.'


PARTIAL = "Refunds take five days,"
REST = ANSWER[len(PARTIAL) :]


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (Exact(), REST),
        (Repeat(5), "days," + REST),
        (Repeat(0), REST),
        (Repeat(999), PARTIAL + REST),
        (RepeatAll(), PARTIAL + REST),
        (NoAnchor(), REST),
        (SwallowSpace(), REST.lstrip()),
        (AddSpace(), " " + REST),
        (AddSpace("\n"), "\n" + REST),
        (Preamble(), "Sure, continuing: " + REST),
        ((Preamble("OK. "), Repeat(5)), "OK. days," + REST),
        ((Repeat(5), SwallowSpace()), "days," + REST.lstrip()),
        ((Preamble("Go:"), SwallowSpace()), "Go:" + REST.lstrip()),
    ],
)
async def test_ways_to_go_on(openai_client, anthropic_client, way, text):
    """Each way is the same for every kind of continuation."""
    turns = instructed(PARTIAL, "Continue.")
    with Simulator(ANSWER, continuation=way) as sim:
        heard = [
            await chat(openai_client(sim), messages=shown(PARTIAL), **VLLM),
            await chat(openai_client(sim), messages=turns),
            await responses(openai_client(sim), input=turns),
            await messages(anthropic_client(sim), model=OLD, messages=shown(PARTIAL)),
            await messages(anthropic_client(sim), messages=turns),
        ]
    assert [(h.text, h.error) for h in heard] == [(text, None)] * 5


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (Exact(), "five days," + REST),
        (NoAnchor(), REST),
        (Repeat(5), "days," + REST),
        (Preamble(), "Sure, continuing: five days," + REST),
        (AddSpace(), " five days," + REST),
    ],
)
async def test_anchor_and_other_ways(openai_client, way, text):
    """A repeat comes instead of the anchor, all else before it."""
    turns = instructed(PARTIAL, ANCHORED.format(anchor="five days,"))
    with Simulator(ANSWER, continuation=way) as sim:
        heard = await chat(openai_client(sim), messages=turns)
    assert heard.text == text


async def test_ways_in_turn(openai_client):
    """A list is one way for each continuation; first requests use none up, and then all is exact."""
    with Simulator(ANSWER, faults=[Cut(3)], continuation=[Repeat(2), AddSpace()]) as sim:
        client = openai_client(sim)
        first = await chat(client)
        turns = instructed(first.text, "Continue.")
        heard = [await chat(client, messages=turns) for _ in range(3)]
    rest = ANSWER[len(first.text) :]
    assert [h.text for h in heard] == [first.text[-2:] + rest, " " + rest, rest]


async def test_answer_comes_from_the_question(openai_client):
    """A scripted function sees the original question, without the partial and the instruction."""
    seen: list[dict] = []

    def answer(request: dict) -> list[str]:
        seen.append(request)
        return ["One", " two", " three"]

    with Simulator(answer) as sim:
        client = openai_client(sim)
        exact = await chat(client, messages=shown("One t"), **VLLM)
        told = await chat(client, messages=instructed("One t", "Continue."))
    assert (exact.text, told.text) == ("wo three", "wo three")
    assert [c.choices[0].delta.content for c in told.events[1:3]] == ["wo", " three"]
    assert [request["messages"] for request in seen] == [[ASKED], [ASKED]]
    assert all("continue_final_message" not in request for request in seen)


async def test_partial_of_another_answer(openai_client, anthropic_client):
    """A partial that is not the answer's beginning is told by a 500; after it, a turn is a question."""
    with Simulator(ANSWER) as sim:
        told = await chat(openai_client(sim), messages=shown("Refunds cost"), **VLLM)
        of_messages = await messages(anthropic_client(sim), model=OLD, messages=shown("Never."))
        asked = await chat(openai_client(sim), messages=instructed("Never.", "Please continue."))
        talk = await chat(openai_client(sim), messages=instructed(ANSWER, "And dogs?"))
    assert "after 8 characters it has 'cost' where the script has 'take five days" in str(told.error)
    assert of_messages.error.status_code == 500
    assert (asked.text, talk.text) == (ANSWER, ANSWER)


async def test_limit_counts_what_is_new(openai_client, anthropic_client):
    """The token limit is that of the continuation."""
    with Simulator(["a", "b", "c", "d"]) as sim:
        heard = await chat(openai_client(sim), messages=shown("ab"), max_tokens=1, **VLLM)
        of_messages = await messages(anthropic_client(sim), model=OLD, messages=shown("ab"), max_tokens=1)
    assert (heard.text, of_messages.text) == ("c", "c")
    assert heard.events[-1].choices[0].finish_reason == "length"


CITED = "Refunds take five days [1]. Cats travel free [2]. Dogs do not."
VISIBLE = "Refunds take five days. Cats travel free. Dogs do not."


@pytest.mark.parametrize("kind", ["prefill", "instruction"])
async def test_citations_of_a_continuation(anthropic_client, kind):
    """The partial is the text as it is seen; the rest of a divided sentence has all its citations."""
    content = [
        search_result("Refunds take five days."),
        search_result("Cats travel free."),
        {"type": "text", "text": "Refunds?"},
    ]
    with Simulator(CITED) as sim:
        client = anthropic_client(sim)
        for place in (n for n in range(1, len(VISIBLE)) if VISIBLE[n - 1] != " "):
            turns = [
                {"role": "user", "content": content},
                {"role": "assistant", "content": VISIBLE[:place]},
            ]
            if kind == "instruction":
                turns.append({"role": "user", "content": "Continue."})
            request = {"model": OLD, "max_tokens": 99, "messages": turns}
            assert (await messages(client, **request)).text == VISIBLE[place:]
            whole = await client.messages.create(**request)
            assert "".join(block.text for block in whole.content) == VISIBLE[place:]
            cited = [(b.text, b.citations[0].search_result_index) for b in whole.content if b.citations]
            assert cited == cited_after(place)


def cited_after(place: int) -> list[tuple[str, int]]:
    """What is left of each cited sentence after a place in the text, and what it cites."""
    found = []
    for number, sentence in enumerate(("Refunds take five days", "Cats travel free")):
        start = VISIBLE.index(sentence)
        if place < start + len(sentence):
            found.append((sentence[max(0, place - start) :], number))
    return found
