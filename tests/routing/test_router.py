"""The router: which tier answers, what the log says of it, and what happens where it cannot be asked."""

from __future__ import annotations

import random

import pytest

from ragnb import parts
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.events import Failed, Retrying, Routed, Used
from ragnb.llms.openai import OpenAILLM
from ragnb.llms.price import Price
from ragnb.pipeline import RAGPipeline
from ragnb.resumption.policy import Retry
from ragnb.routing.router import Labelled, Router, lowest_threshold
from ragnb.routing.signals import NAMES
from ragnb.routing.tiers import Tier
from ragnb.simulator import Simulator, Status
from ragnb.vectorstores.memory import InMemoryVectorStore
from tests.conftest import TEXTS

EASY = dict.fromkeys(NAMES, 0.0)
QUICKLY = Retry(attempts=2, initial=0.0, maximum=0.0)


@pytest.fixture
def tiered():
    """Makes a pipeline with a small and a large tier, and gives it with the servers of both."""
    open_ = []

    def make(
        router=None, small=(), large=(), tiers=None, said="small", said_large="large", gate=False, **options
    ):
        one, two = Simulator(said, faults=small, gate=gate), Simulator(said_large, faults=large)
        sims = one.start(), two.start()
        vectors = Simulator().start()
        one = OpenAILLM("little", base_url=sims[0].url, api_key="test", price=Price(1, 2))
        two = OpenAILLM("much", base_url=sims[1].url, api_key="test")
        rag = RAGPipeline(
            embeddings=OpenAIEmbeddings(base_url=vectors.url, api_key="test"),
            vectorstore=InMemoryVectorStore(),
            home=None,
            retry=QUICKLY,
            tiers=tiers(one, two) if tiers else [Tier("small", one), Tier("large", two, Price(10, 20))],
            router=router,
            **options,
        )
        rag.add(TEXTS)
        open_.append((rag, [*sims, vectors]))
        return rag, *sims

    yield make
    for rag, sims in open_:
        rag.close()
        for sim in sims:
            sim.stop()


def ask(rag, question="How are refunds paid?"):
    answer = rag.start(question)
    assert answer.wait(timeout=30)
    return answer


def routes(answer):
    return [event for event in answer.events if isinstance(event, Routed)]


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_plain_rule(tiered, name):
    """A rule is given the signals, and the tier that it names answers, at that tier's price."""
    seen = []
    rag, *_ = tiered(lambda signals: seen.append(signals) or name)
    answer = ask(rag)
    (routed,) = routes(answer)
    assert answer.text == name
    assert (routed.tier, routed.reason) == (name, "the rule says so")
    assert set(seen[0]) == set(routed.signals) == set(NAMES)
    (used,) = answer.all(Used)
    per_million = {"small": 1 * used.input_tokens + 2 * used.output_tokens}
    per_million["large"] = 10 * used.input_tokens + 20 * used.output_tokens
    assert used.cost == pytest.approx(per_million[name] / 1e6)
    assert [type(event).__name__ for event in answer.events[:3]][-2:] == ["Retrieved", "Routed"]


@pytest.mark.parametrize(("threshold", "tier"), [(0.0, "small"), (1.0, "large")])
def test_the_threshold(tiered, threshold, tier):
    """From a probability on the small tier is asked, and the log says in a sentence why."""
    rag, *_ = tiered(Router(threshold))
    (routed,) = routes(ask(rag))
    assert routed.tier == tier
    assert "% probability “small” is as good as the largest one: " in routed.reason
    assert routed.reason.startswith("only") == (tier == "large")


def test_the_router_as_it_comes(tiered):
    """Without a router there is one, and it tells plain questions from hard ones."""
    rag, *_ = tiered()
    plain = ask(rag, "How are refunds paid?")
    hard = ask(
        rag, "How much more than a bicycle, and how much less than two of them, do dogs not cost, and why?"
    )
    assert [routes(one)[0].tier for one in (plain, hard)] == ["small", "large"]


def raising(signals):
    raise ZeroDivisionError("oops")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (raising, "the router failed (ZeroDivisionError: oops), and it is the largest"),
        (lambda signals: "huge", "the router said 'huge', which is no tier, and it is the largest"),
        (lambda signals: None, "the router said None, which is no tier, and it is the largest"),
        (lambda signals: ["small"], "the router said ['small'], which is no tier, and it is the largest"),
        (lambda signals: signals.clear(), "the router said None, which is no tier, and it is the largest"),
    ],
)
def test_a_router_that_fails(tiered, rule, said):
    """Where a rule raises or says nonsense, the largest tier answers, and the log says so."""
    rag, *_ = tiered(rule)
    answer = ask(rag)
    (routed,) = routes(answer)
    assert (answer.text, routed.tier, routed.reason) == ("large", "large", said)
    assert set(routed.signals) == set(NAMES)


def test_what_a_tier_is_not_able_to(tiered):
    """A tier whose window is too small, or that lacks what the question has, is not chosen."""

    def narrow(one, two):
        return [Tier("small", one, window=20), Tier("large", two, Price(10, 20))]

    def simple(one, two):
        return [Tier("small", one, lacks=("comparison",)), Tier("large", two, Price(10, 20))]

    rag, *_ = tiered(lambda signals: "small", tiers=narrow)
    (routed,) = routes(ask(rag))
    assert (routed.tier, routed.reason) == ("large", "“small”, which the router chose, is not able to")
    rag, *_ = tiered(Router(0.0), tiers=simple)
    assert routes(ask(rag, "Is a dog dearer than a bicycle?"))[0].tier == "large"
    assert routes(ask(rag, "How are refunds paid?"))[0].tier == "small"


def test_a_tier_that_is_down(tiered):
    """Where the chosen tier fails, the larger one answers; where that fails, the smaller one."""
    rag, *_ = tiered(lambda signals: "small", small=[Status(503)] * 2)
    answer = ask(rag)
    assert answer.text == "large"
    assert [one.model for one in routes(answer)] == ["openai:little", "openai:much"]
    rag, *_ = tiered(lambda signals: "large", large=[Status(401)])
    answer = ask(rag)
    assert answer.text == "small"
    assert [one.model for one in routes(answer)] == ["openai:much", "openai:little"]


def test_all_tiers_down(tiered):
    """Where none can answer, the failure names each and says why."""
    rag, *_ = tiered(lambda signals: "small", small=[Status(401)], large=[Status(503)] * 2)
    answer = ask(rag)
    failed = answer.last(Failed)
    assert "openai:little: openai did not accept the API key." in failed.message
    assert "openai:much: openai is overloaded." in failed.message
    assert failed.advice
    assert len(list(answer.all(Retrying))) == 2


def test_tiers_that_cannot_be(minilm):
    """What is no tier, has no price, or is there twice is refused where it is written."""

    def made(*tiers, router=None):
        return parts.routing(tiers, router, minilm)

    unknown = OpenAILLM("nobody-knows-it", base_url="http://localhost:1/v1")
    with pytest.raises(ConfigurationError, match="“a” has no price: openai:nobody-knows-it"):
        made(Tier("a", unknown))
    assert made(Tier("a", unknown, Price(0, 0))).tiers.names == ("a",)
    with pytest.raises(ConfigurationError, match="nothing to choose"):
        made(Tier("a", "openai:gpt-4.1"), Tier("a", "openai:gpt-4.1-mini"))
    with pytest.raises(ConfigurationError, match="nothing to choose"):
        made(Tier("a", "openai:gpt-4.1"), Tier("b", "openai:gpt-4.1"))
    with pytest.raises(ConfigurationError, match="is no tier"):
        made("openai:gpt-4.1")
    with pytest.raises(ConfigurationError, match="is no router"):
        made(Tier("a", "openai:gpt-4.1"), router="large")
    with pytest.raises(ConfigurationError, match="needs models"):
        made(router=Router())
    with pytest.raises(ConfigurationError, match=r"Both llm= and tiers="):
        RAGPipeline("extractive", minilm, home=None, tiers=[Tier("a", "openai:gpt-4.1")])


def labelled(count, flip=0.0):
    """Questions whose answers are in several documents where the small model fails, but for some noise."""
    dice = random.Random(1)
    rows = []
    for number in range(count):
        spread = dice.random()
        is_enough = (spread < 0.5) != (dice.random() < flip)
        signals = {**EASY, "spread": spread, "words": dice.random()}
        rows.append(Labelled(signals, {"small": float(is_enough), "large": 1.0}, str(number)))
    return rows


def test_a_router_learns():
    """A fitted router tells the questions apart that the small model fails at, and says by what."""
    router = Router().fit(labelled(200, flip=0.05))
    assert router.decide({**EASY, "spread": 0.05}, ["small", "large"]).tier == "small"
    hard = router.decide({**EASY, "spread": 0.95}, ["small", "large"])
    assert hard.tier == "large"
    assert "what is asked for is spread over passages" in hard.reason


def test_three_tiers():
    """With three tiers the smallest that is probably good enough is asked."""
    rows = []
    dice = random.Random(2)
    for _ in range(300):
        spread = dice.random()
        quality = {"small": float(spread < 0.3), "middle": float(spread < 0.7), "large": 1.0}
        rows.append(Labelled({**EASY, "spread": spread}, quality))
    router = Router().fit(rows)
    chosen = [
        router.decide({**EASY, "spread": s}, ["small", "middle", "large"]).tier for s in (0.05, 0.5, 0.95)
    ]
    assert chosen == ["small", "middle", "large"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (labelled(19), "19 questions are too few"),
        ([], "do not say of the same two tiers"),
        ([Labelled(EASY, {"small": 1.0})] * 30, "do not say of the same two tiers"),
        ([Labelled(EASY, {"small": 1.0, "large": 1.0})] * 30, "always good enough"),
        ([Labelled(EASY, {"small": 0.0, "large": 1.0})] * 30, "never good enough"),
    ],
)
def test_what_cannot_be_learned_from(rows, said):
    """Too few questions, or such as say nothing, are refused with advice."""
    with pytest.raises(InvalidInputError, match=said) as caught:
        Router().fit(rows)
    assert caught.value.advice


def test_the_threshold_keeps_the_quality():
    """The lowest threshold is where what is expected of all answers is the share of the best's quality."""
    probabilities, own, best = [1.0, 0.75, 0.75, 0.5], [1.0, 1.0, 0.0, 0.0], [1.0] * 4
    assert lowest_threshold(probabilities, own, best, keep=1.0) == 1.0
    assert lowest_threshold(probabilities, own, best, keep=0.875) == 0.75
    assert lowest_threshold(probabilities, own, best, keep=0.75) == 0.5
    assert lowest_threshold([0.9] * 4, own, best, keep=1.0) == 1.0


def test_the_direction_of_a_signal_is_not_learned():
    """A signal that happens to point the other way in what was fitted on counts nothing."""
    dice = random.Random(3)
    rows = []
    for number in range(100):
        spread, negation = dice.random(), float(number % 2)
        quality = {"small": float(spread < 0.3 + 0.4 * negation), "large": 1.0}
        rows.append(Labelled({**EASY, "spread": spread, "negation": negation}, quality))
    router = Router().fit(rows)
    plain, negated = ({**EASY, "spread": 0.5, "negation": value} for value in (0.0, 1.0))
    assert router.probability(plain, "small") == router.probability(negated, "small")
    assert router.probability({**EASY, "spread": 0.1}, "small") > router.probability(plain, "small")


def test_a_question_asked_often_counts_once():
    """Twenty answers to one question weigh no more than one answer to another."""
    rows = labelled(60)
    again = rows + [row for row in rows for _ in range(5)]
    once, often = Router().fit(rows), Router().fit(again)
    asked = {**EASY, "spread": 0.7}
    assert once.probability(asked, "small") == pytest.approx(often.probability(asked, "small"), abs=1e-3)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_no_probability(wrong):
    """A threshold is a probability."""
    with pytest.raises(InvalidInputError, match="no probability"):
        Router(wrong)


def test_answers_at_once_are_routed_each(tiered):
    """Answers in parallel each have the tier of their own question."""
    rag, *_ = tiered(lambda signals: "large" if signals["figure"] else "small")
    questions = ["Where are refunds paid?", "How much is a dog?"] * 10
    answers = [rag.start(question) for question in questions]
    for answer in answers:
        assert answer.wait(timeout=30)
    assert [answer.text for answer in answers] == ["small", "large"] * 10
