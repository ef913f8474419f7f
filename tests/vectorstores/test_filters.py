"""Metadata filters: what they mean, in every store alike."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ragnb.errors import InvalidInputError
from ragnb.vectorstores.filters import fields, fits, parse
from tests.vectorstores.conftest import KINDS, make_store
from tests.vectorstores.samples import INFO, make, put

QUERY = np.full(INFO.dimensions, 0.25, np.float32)


def described(metadata, **changes):
    """A chunk with this metadata."""
    return replace(make("d", ["one"])[0][0], metadata=metadata, **changes)


def matches(where, metadata, **changes):
    return fits(parse(where), fields(described(metadata, **changes)))


@pytest.mark.parametrize(
    ("where", "metadata"),
    [
        ({}, {}),
        (None, {}),
        ({"lang": "en"}, {"lang": "en"}),
        ({"year": 2024}, {"year": 2024.0}),
        ({"year": 2024.0}, {"year": 2024}),
        ({"lang": ["de", "en"]}, {"lang": "en"}),
        ({"lang": ("de", "en")}, {"lang": "en"}),
        ({"year": {"gte": 2024}}, {"year": 2024}),
        ({"year": {"gt": 2023.5, "lt": 2025}}, {"year": 2024}),
        ({"lang": {"not": "de"}}, {"lang": "en"}),
        ({"lang": {"not": ["de", "fr"]}}, {"lang": "en"}),
        ({"year": {"gte": 2000, "not": 2001}}, {"year": 2002}),
        ({"date": {"gte": "2024-05-17"}}, {"date": "2024-05-17"}),
        ({"date": {"lte": "2024-05-17"}}, {"date": "2024-05-17T23:59:59"}),
        ({"date": {"lte": "2024-05"}}, {"date": "2024-05-31"}),
        ({"date": {"gte": "2024", "lte": "2024"}}, {"date": "2024-12-31T12:00Z"}),
        ({"date": {"gt": date(2024, 5, 17)}}, {"date": "2024-05-18"}),
        ({"date": {"lt": datetime(2024, 5, 17, 12)}}, {"date": "2024-05-17T11:59"}),
        ({"date": {"gte": "2024-05-17T12:00+02:00"}}, {"date": "2024-05-17T10:00Z"}),
        ({"date": {"gt": "2024-01-01", "gte": "2024-01-01"}}, {"date": "2024-01-02"}),
        ({"n": {"gt": 1, "gte": 0, "lt": 3, "lte": 9}}, {"n": 2}),
        ({"a.b[0]": "x"}, {"a.b[0]": "x"}),
        ({'"': "x", "ключ": 1}, {'"': "x", "ключ": 1}),
    ],
)
def test_fits(where, metadata):
    """These fit."""
    assert matches(where, metadata)


@pytest.mark.parametrize(
    ("where", "metadata"),
    [
        ({"lang": "en"}, {}),
        ({"lang": "en"}, {"lang": "EN"}),
        ({"lang": "en", "year": 2024}, {"lang": "en", "year": 2023}),
        ({"year": 2024}, {"year": "2024"}),
        ({"year": "2024"}, {"year": 2024}),
        ({"year": {"gte": 2024}}, {"year": "2025"}),
        ({"year": {"gt": 2024}}, {"year": 2024}),
        ({"n": {"gt": 1, "gte": 1}}, {"n": 1}),
        ({"n": {"lt": 1, "lte": 1}}, {"n": 1}),
        ({"n": {"gt": 3, "lt": 1}}, {"n": 2}),
        ({"lang": {"not": "de"}}, {}),
        ({"lang": {"not": "de"}}, {"lang": 5}),
        ({"lang": {"not": ["de", "en"]}}, {"lang": "en"}),
        ({"date": {"gt": "2024-05-17"}}, {"date": "2024-05-17T23:59:59"}),
        ({"date": {"lt": "2024-05-17"}}, {"date": "2024-05-17"}),
        ({"date": {"lte": "2024-05"}}, {"date": "2024-06-01"}),
        ({"date": {"gte": "2024-01-01"}}, {"date": "next year"}),
        ({"date": {"gt": "2024-01-01", "gte": "2024-01-01"}}, {"date": "2024-01-01"}),
        ({"ab": "x"}, {"a.b": "x"}),
    ],
)
def test_does_not_fit(where, metadata):
    """These do not."""
    assert not matches(where, metadata)


def test_source_and_title():
    """A chunk's source and title are filtered by as the metadata are."""
    assert matches({"source": "a.pdf", "title": {"not": "B"}}, {}, source="a.pdf", title="A")
    assert not matches({"source": "a.pdf"}, {"source": "a.pdf"}, source="b.pdf")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("lang", "is no filter"),
        ([("lang", "en")], "is no filter"),
        ({1: "en"}, "no name"),
        ({"": "en"}, "no name"),
        ({"year": {}}, "has no operator"),
        ({"year": {"ge": 1}}, "no operator 'ge'"),
        ({"year": {"gte": 1, None: 2}}, "no operator None"),
        ({"year": []}, "empty list"),
        ({"year": {"not": []}}, "empty list"),
        ({"year": [1, "a"]}, "neither texts nor"),
        ({"year": None}, "neither texts nor"),
        ({"year": True}, "neither texts nor"),
        ({"year": [1, True]}, "neither texts nor"),
        ({"year": float("nan")}, "neither texts nor"),
        ({"year": 2**70}, "neither texts nor"),
        ({"lang": "\ud800"}, "neither texts nor"),
        ({"lang": b"en"}, "neither texts nor"),
        ({"lang": {"not": {"gt": 1}}}, "neither texts nor"),
        ({"date": date(2024, 5, 17)}, "asks whether a date"),
        ({"year": {"gte": None}}, "compares with None"),
        ({"year": {"gte": True}}, "compares with True"),
        ({"year": {"gte": [1]}}, "compares with"),
        ({"year": {"gte": "soon"}}, "compares with 'soon'"),
        ({"year": {"gte": "2024-13"}}, "compares with"),
        ({"year": {"gte": "0000"}}, "compares with"),
        ({"year": {"gte": 2024, "lt": "2025"}}, "compares with 2024, '2025'"),
    ],
)
def test_refused(where, told):
    """What is no filter is refused in a sentence that says what there is."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        parse(where)
    assert caught.value.advice


def test_refused_by_a_search(store):
    """A search with such a filter says so too, in every store."""
    with pytest.raises(InvalidInputError, match="no operator 'ge'"):
        store.search("one", QUERY, 5, {"year": {"ge": 1}})


def test_search_where(store):
    """A search finds the best of what fits, however few they are among all."""
    chunks, vectors = make("d", [f"train {n}" for n in range(600)])
    chunks = [
        replace(chunk, metadata={"n": chunk.position, "half": "ab"[chunk.position % 2]}) for chunk in chunks
    ]
    put(store, "d", "1", chunks, vectors)
    found = store.search("train", QUERY, 20, {"n": {"gte": 590}, "half": "b"})
    assert {hit.chunk.position for hit in found} == {591, 593, 595, 597, 599}
    assert len(store.search("train", QUERY, 20, {"half": "a"})) == 20
    assert store.search("train", QUERY, 20, {"half": "c"}) == []
    assert len(store.search("train", QUERY, 20, {})) == 20


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    made = [make_store(kind, tmp_path_factory.mktemp("filters")) for kind in KINDS if kind != "server"]
    for store in made:
        store.open(INFO)
    yield made
    for store in made:
        store.close()


names = st.sampled_from(["lang", "year", "date", "a.b", "x y", "ключ", 'q"', "source", "title"])
days = st.dates(date(1950, 1, 1), date(2050, 1, 1))
moments = st.datetimes(
    datetime(1950, 1, 1), datetime(2050, 1, 1), timezones=st.none() | st.just(timezone(timedelta(hours=5)))
)
dated = days | moments
words = st.sampled_from(["", "en", "de", "2024", "2024-05", "2024-05-17", "2024-05-17T12:00:00Z", "é", "x"])
numbers = (
    st.integers(-3, 3)
    | st.sampled_from([-1.5, 0.0, -0.0, 0.5, 2.0, 2**53 + 1, 1e300, 5e-324])
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e18, max_value=1e18)
)
texts_ = words | dated.map(lambda moment: moment.isoformat())
metadata = st.dictionaries(names, texts_ | numbers, max_size=4)
values = (
    texts_ | numbers | st.lists(texts_, min_size=1, max_size=3) | st.lists(numbers, min_size=1, max_size=3)
)
operators = st.sampled_from(["gt", "gte", "lt", "lte"])
bounds = st.dictionaries(operators, numbers, min_size=1) | st.dictionaries(
    operators,
    dated | dated.map(lambda moment: moment.isoformat()) | st.sampled_from(["2024", "2024-05"]),
    min_size=1,
)
conditions = values | bounds | st.builds(lambda value: {"not": value}, values)
filters = st.dictionaries(names, conditions, max_size=2)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(metadata, min_size=1, max_size=6), st.lists(filters, min_size=1, max_size=4))
@example(
    [{"year": 2024}, {"year": 2024.0}, {"year": "2024"}, {"year": 2025}, {}],
    [{"year": 2024}, {"year": {"not": 2024}}],
)
@example([{"year": 0}], [{"year": {"gt": -1, "gte": 0, "lt": 1, "lte": -1}}, {"year": {"gt": 0, "lt": 0}}])
@example([{"lang": "en"}, {"lang": 5}, {}], [{"lang": {"not": "de"}}, {"lang": {"not": 4}}])
def test_all_stores_agree(stores, chunks_metadata, wheres):
    """Edge, memory and the server's store find the same chunks, whatever the metadata and the filter."""
    chunks, vectors = make("d", [f"train {n}" for n in range(len(chunks_metadata))])
    chunks = [replace(chunk, metadata=one) for chunk, one in zip(chunks, chunks_metadata, strict=True)]
    server = make_store("server", None)  # a new one each time: the local mode never forgets a point
    server.open(INFO)
    stores = [*stores, server]
    for store in stores:
        put(store, "d", "1", chunks, vectors)
    for where in wheres:
        found = [
            {hit.chunk.position for hit in store.search("train", QUERY, 50, where)} for store in stores
        ]
        wanted = {chunk.position for chunk in chunks if fits(parse(where), fields(chunk))}
        assert found == [wanted] * len(stores)
