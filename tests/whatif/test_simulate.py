"""What if: recorded answers over other tiers."""

from __future__ import annotations

import re

import pytest

from ragnb import routing
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.evaluation.result import Evaluation
from ragnb.llms.price import Price
from ragnb.routing.router import Router
from ragnb.routing.tiers import Tier
from ragnb.whatif.simulate import simulate
from ragnb.whatif.traffic import Speed, Traffic
from tests.whatif.recordings import EASY, HARD, answer, evaluation

SMALL, LARGE = "openai:gpt-4.1-nano", "openai:gpt-4.1"
TIERS = [Tier("small", SMALL), Tier("large", LARGE)]
EACH = {SMALL: 1_000 * 0.1e-6 + 50 * 0.4e-6, LARGE: 1_000 * 2e-6 + 50 * 8e-6}
"""USD for an answer, by the list prices."""


def recorded(small=lambda number, is_hard: not is_hard or number % 10 == 1, text="Yes."):
    return {
        "small": evaluation(small, SMALL, text=text),
        "large": evaluation(lambda number, is_hard: True, LARGE),
    }


def test_recorded_answers_are_replayed():
    """Cost, quality and times of each way are those of the answers; the router's is fitted on the others."""
    simulation = simulate(recorded(), TIERS, 1_000)
    always_small, always_large = simulation.ways["always small"], simulation.ways["always large"]
    assert always_small.cost == pytest.approx(EACH[SMALL])
    assert simulation.bill(always_large) == pytest.approx(1_000 * EACH[LARGE])
    assert (always_small.quality, always_large.quality) == (pytest.approx(36 / 60), 1.0)
    assert always_large.first == (pytest.approx(0.4), pytest.approx(0.4))
    assert simulation.router.quality > 0.9
    assert simulation.router.cost < 0.7 * always_large.cost
    assert simulation.saved == pytest.approx(1 - simulation.router.cost / always_large.cost)
    assert "fitted on the other questions" in simulation.chosen.by


def test_better_than_by_chance():
    """With as many questions for each tier, the router keeps more than chance, and no more than one who
    knows the answers."""
    ways = simulate(recorded(), TIERS).ways
    assert ways["by chance, as often"].shares == ways["router"].shares
    assert (
        ways["by chance, as often"].quality < ways["router"].quality <= ways["knowing the answers"].quality
    )
    assert ways["by chance, as often"].cost == pytest.approx(ways["router"].cost)
    assert ways["knowing the answers"].shares["large"] == pytest.approx(24 / 60)


def test_where_the_router_was_wrong():
    """Questions sent to a tier that is too small, or larger than needed, are named with their kind."""
    simulation = simulate(recorded(), TIERS, router=lambda signals: "small")
    assert len(simulation.missed) == 24 and not simulation.needless
    assert {case.kind for case in simulation.missed} == {"hard"}
    simulation = simulate(recorded(), TIERS, router=lambda signals: "large")
    assert len(simulation.needless) == 36 and not simulation.missed
    assert "Larger than needed, 36" in repr(simulation)
    assert list(simulation.frame["wrong"]).count("larger than needed") == 36


def test_the_curve():
    """The router's curve goes from always-small to always-large, and lies above chance between them."""
    router, chance = simulate(recorded(), TIERS).curves
    assert router.points[0] == pytest.approx(chance.points[0])
    assert router.points[-1] == pytest.approx(chance.points[-1])
    assert max(quality for cost, quality in router.points if cost < 0.7 * EACH[LARGE]) > 0.9


def test_what_is_refused_is_paid_twice():
    """A small tier's refusal goes to the larger one, whose answer counts, and both are paid."""
    said = lambda number: "I don't know." if number % 2 else "Yes."  # noqa: E731
    each = recorded(small=lambda number, is_hard: not is_hard, text=said)
    held = simulate(each, TIERS, router=lambda signals: "small")
    assert held.router.quality == 1.0
    assert held.router.cost == pytest.approx(EACH[SMALL] + EACH[LARGE] / 2)
    assert held.router.first[1] == pytest.approx(1.4)
    assert "both are paid" in repr(held)
    bare = simulate(each, TIERS, router=lambda signals: "small", hold=False)
    assert bare.router.quality == pytest.approx(0.5) and bare.router.cost == pytest.approx(EACH[SMALL])


def test_one_model_was_recorded():
    """The other tier has the same tokens at its own price, and a quality that the router estimates."""
    answers = [answer(EASY, model=LARGE), answer(HARD, model=LARGE), answer(EASY, model=LARGE)]
    simulation = simulate(answers, {"small": SMALL, "large": LARGE}, Traffic(300, per="week"))
    assert simulation.is_estimated and len(simulation.cases) == 3
    assert simulation.ways["always small"].cost == pytest.approx(EACH[SMALL])
    router = Router()
    expected = sum(router.probability(case.signals, "small") for case in simulation.cases) / 3
    assert simulation.ways["always small"].quality == pytest.approx(expected)
    assert simulation.ways["always large"].quality == 1.0
    assert "knowing the answers" not in simulation.ways and not simulation.missed
    said = repr(simulation)
    assert "300 questions a week" in said and "No quality was measured" in said
    assert "3 of 6 answers were recorded" in said


def test_nothing_was_answered():
    """An evaluation of the retrieval alone is enough for an estimate of the cost."""
    full = evaluation(lambda number, is_hard: True, LARGE)
    searched = Evaluation(
        [
            type(one)(question=one.question, hits=one.hits, values={}, seconds={"sources": 0.1})
            for one in full
        ],
        configured={},
        k=2,
    )
    speeds = {"small": Speed(0.2, 100.0), "large": Speed(0.5, 50.0)}
    simulation = simulate(searched, TIERS, speeds=speeds, output_tokens=200)
    assert simulation.is_estimated
    assert simulation.ways["always small"].first == (pytest.approx(0.3), pytest.approx(0.3))
    assert simulation.ways["always large"].total == (pytest.approx(4.6), pytest.approx(4.6))
    ratio = simulation.ways["always large"].cost / simulation.ways["always small"].cost
    assert ratio == pytest.approx(20)


def test_the_mix_of_kinds():
    """Kinds may be asked in another mix than they were recorded in."""
    plain = simulate(recorded(), TIERS, Traffic(100, mix={"plain": 1.0}))
    assert plain.ways["always small"].quality == 1.0
    tenth = simulate(recorded(), TIERS, Traffic(100, mix={"plain": 9, "hard": 1}))
    assert tenth.ways["always small"].quality == pytest.approx(0.9 + 0.1 * 0.2)


def test_three_tiers():
    """Each of three tiers has its share, its cost and its place."""
    tiers = [TIERS[0], Tier("middle", "openai:gpt-4.1-mini"), TIERS[1]]
    each = {
        "small": evaluation(lambda number, is_hard: not is_hard, SMALL),
        "middle": evaluation(lambda number, is_hard: not is_hard or number % 4 == 1, "openai:gpt-4.1-mini"),
        "large": evaluation(lambda number, is_hard: True, LARGE),
    }
    simulation = simulate(each, tiers, 1_000)
    assert set(simulation.router.shares) == {"small", "middle", "large"}
    assert sum(simulation.router.shares.values()) == pytest.approx(1)
    best = simulation.ways["knowing the answers"].shares
    assert best == pytest.approx({"small": 0.5, "middle": 0.25, "large": 0.25})
    assert "always middle" in repr(simulation)


def test_the_fall_of_a_bill():
    """A fall of the bill takes so much traffic, and lets the largest tier have so many questions at most."""
    simulation = simulate(recorded(), TIERS)
    needed = simulation.needed(4_200, 380)
    assert needed.questions == pytest.approx(4_200 / EACH[LARGE])
    share = (380 / 4_200 - 1 / 20) / (1 - 1 / 20)
    assert needed.largest == pytest.approx(share)
    assert "at most 4.3% of them to the largest" in str(needed)
    dear = [Tier("small", SMALL, Price(1, 4)), Tier("large", LARGE)]
    assert simulate(recorded(), dear).needed(4_200, 380).largest < 0
    assert "not with these prices" in str(simulate(recorded(), dear).needed(4_200, 380))
    with pytest.raises(InvalidInputError, match="no fall"):
        simulation.needed(100, 200)


def test_how_it_is_shown():
    """In a notebook it is a table with pictures that say what they show; nothing in it is markup of others."""
    each = recorded()
    page = simulate(each, TIERS, 1_000)._repr_html_()
    assert page.count("<img alt=") == 3 and "<script" not in page
    assert page.count('<div class="ragnb-times">') == 1 and "Times: always small first token p50" in repr(
        simulate(each, TIERS)
    )
    assert "Quality by cost" not in page  # it is in the picture
    assert re.search(r"router: \d+% of the quality at \d+% of the cost", page)
    frame = simulate(each, TIERS).frame
    assert list(frame["tier"].unique()) and {"small cost", "large quality", "reason"} <= set(frame.columns)
    strange = [answer("<b>Where?</b>", model=LARGE)]
    assert "<b>Where?" not in simulate(strange, TIERS)._repr_html_()


@pytest.mark.parametrize(
    ("given", "tiers", "options", "said"),
    [
        ([], TIERS, {}, "There is no answer to replay"),
        (["Where is it?"], TIERS, {}, "is no answer"),
        ("questions.jsonl", TIERS, {}, "nothing that can be replayed"),
        (7, TIERS, {}, "nothing that can be replayed"),
        ([answer(EASY)], [], {}, "nothing to choose among"),
        ([answer(EASY)], [TIERS[0], TIERS[0]], {}, "nothing to choose among"),
        ({"middle": []}, TIERS, {}, "'middle', which is no tier"),
        ([answer(EASY)], {"small": None}, {}, "is no tier"),
        ([answer(EASY)], "openai:gpt-4.1", {}, "'o' is no tier"),
        ([answer(EASY)], TIERS, {"traffic": 0}, "no traffic"),
        ([answer(EASY)], TIERS, {"traffic": "many"}, "no traffic"),
        ([answer(EASY)], TIERS, {"router": lambda signals: ["small"]}, r"said \['small'\]"),
        ([answer(EASY)], TIERS, {"router": lambda signals: signals["beauty"]}, "KeyError: 'beauty'"),
        (
            [answer(EASY)],
            TIERS,
            {"traffic": Traffic(5, mix={"odd": 1.0})},
            "No question is of the kind 'odd'",
        ),
        ([answer(EASY)], TIERS, {"speeds": {"middle": Speed(1, 1)}}, "'middle' is no tier"),
        ([answer(EASY)], TIERS, {"router": lambda signals: "huge"}, "said 'huge'"),
    ],
)
def test_what_cannot_be_replayed(given, tiers, options, said):
    """What is no recording, no tier or no traffic is refused, with what to do."""
    with pytest.raises(InvalidInputError, match=said) as caught:
        simulate(given, tiers, **options)
    assert caught.value.advice


def test_no_price():
    """A tier whose price nobody knows is an error, and not free."""
    with pytest.raises(ConfigurationError, match="“own” has no price"):
        simulate([answer(EASY)], [Tier("own", "openai:my-own-model"), TIERS[1]])


@pytest.mark.parametrize("wrong", [(-1, 10), (1, 0), (float("nan"), 1)])
def test_no_speed(wrong):
    """A speed has a first token, and tokens after it."""
    with pytest.raises(InvalidInputError, match="no speed"):
        Speed(*wrong)


def test_it_is_part_of_routing():
    """It is found beside the tiers and the router."""
    assert routing.simulate is simulate and routing.Tier is Tier and "simulate" in dir(routing)
    with pytest.raises(AttributeError, match="no attribute 'simulated'"):
        _ = routing.simulated


def test_nothing_to_learn_from():
    """Where the small tier is always as good, the router that ragnb comes with decides, and it is said."""
    each = recorded(small=lambda number, is_hard: True)
    assert "always good enough" in simulate(each, TIERS).chosen.by


def test_calibration():
    """What was said to be probable was so about as often, on questions that the router had not seen."""
    simulation = simulate(recorded(), TIERS)
    assert len(simulation.calibration) == 5
    assert simulation.calibration[0][1] < 0.5 < simulation.calibration[-1][1]
    assert simulate([answer(EASY, model=LARGE)], TIERS).calibration == []
