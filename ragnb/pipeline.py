"""RAGPipeline: the face of the toolkit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ragnb import parts
from ragnb.answer import Answer
from ragnb.answering import Answering, Taken
from ragnb.askable import Askable, checked_k
from ragnb.background import plain
from ragnb.chat import Chat
from ragnb.display.progress import ProgressBar
from ragnb.documents import Chunk, Document, Hit
from ragnb.embeddings.base import Embeddings
from ragnb.embeddings.cache import CachedEmbeddings
from ragnb.engine import Engine
from ragnb.errors import ConfigurationError, InvalidInputError
from ragnb.evaluation import proposing, running
from ragnb.evaluation.asking import Asker
from ragnb.evaluation.judge import Judge
from ragnb.evaluation.questions import QuestionList
from ragnb.evaluation.result import Evaluation
from ragnb.history import MEMORY
from ragnb.ingest import library
from ragnb.ingest.indexing import Indexer
from ragnb.ingest.plan import as_documents
from ragnb.ingest.report import IngestReport
from ragnb.llms.base import LLM
from ragnb.llms.price import Price
from ragnb.reports import running as reporting
from ragnb.reports.report import Report
from ragnb.rerankers.base import Reranker
from ragnb.resumption.journal import Journal
from ragnb.resumption.ladder import Ladder
from ragnb.resumption.listing import AnswerList
from ragnb.resumption.memory import InMemory
from ragnb.resumption.policy import Retry
from ragnb.resumption.resilience import Resilience
from ragnb.resumption.retention import Keep
from ragnb.retrieval import Retriever
from ragnb.routing.budgets import Accounts, Budget
from ragnb.routing.hedging import Hedge, Hedging
from ragnb.routing.hold import Hold
from ragnb.routing.prices import Prices
from ragnb.routing.router import Router, Rule
from ragnb.routing.tiers import Tier
from ragnb.routing.windows import Windows
from ragnb.vectorstores.base import IndexInfo, VectorStore
from ragnb.vectorstores.filters import Filter
from ragnb.vectorstores.moving import move
from ragnb.widget import cell

T = TypeVar("T")

_MOST_WORDINGS = 10


class RAGPipeline(Askable):
    """Documents in, a question, a streamed and cited answer out.

    Parameters
    ----------
    llm
        A model, or its name: ``"openai:gpt-4.1-mini"``, ``"anthropic:…"``, ``"groq:…"``,
        ``"cerebras:…"``, ``"mistral:…"``, ``"vllm:…"``, ``"ollama:…"``, ``"transformers:…"``,
        ``"extractive"``. Without one, the first of ``OPENAI_API_KEY`` and ``ANTHROPIC_API_KEY`` that is set
        decides, else the extractive answerer, which needs neither key nor network.
    embeddings
        An embedding model, or its name: one of sentence-transformers, or ``"openai:…"``.
    vectorstore
        A store, ``"memory"``, or the address of a Qdrant server (``"http://…:6333"``). Without one, Qdrant
        Edge under ``home``.
    reranker
        Puts the candidates into a better order before the best ``k`` go to the model: an object, its name
        (``"late-interaction"``, ``"cross-encoder:…"``, ``"none"``), or several that follow each other.
        Without one, late interaction where the embedding model has token vectors, and then the newer of
        two documents that say nearly the same first.
    home
        The one folder that is written: index, embedding cache and journal. None keeps all in memory.
    retry
        How often and how long a call that failed, or an answer that broke off, is tried again.
    fallback
        A model or its name, or several in their order, that go on where ``llm`` cannot: with the same
        question, the same passages, and the text that is out already.
    tiers
        Models to choose among for each question, by name from the smallest to the largest, in place of
        ``llm``: ``{"small": "openai:gpt-4.1-mini", "large": "openai:gpt-4.1"}``, or `Tier` objects. Where
        the chosen one fails, the others go on, the larger ones first, then ``fallback``.
    router
        What chooses: a `Router`, or a rule, which is given the signals of a question and names a tier, as
        ``lambda signals: "large"`` does. Without one, a `Router` as it comes.
    hold
        How much of the beginning of a smaller tier's answer may be held back: one that begins as a refusal,
        or with “I don't know”, goes to the next larger tier and is not shown. “No answer in these
        documents” is a right answer. None shows everything.
    prices
        Prices of your own by the names of models, before the public list:
        ``{"vllm:mine": Price(0.1, 0.3)}``.
    budget
        What an answer, all of this pipeline, and all of a run may cost, in USD:
        ``Budget(answer=0.01, session=5.0)``. A request that might pass it is not made; a cheaper model is
        asked, or the answer fails.
    ladder
        The next step after each failure: ``Ladder(overloaded="another")``.
    hedge
        When a request whose first token is late is made a second time; the one that answers later is
        closed, and paid for too. None never does.
    keep
        Which answers stay in the journal, and how safely they are written.
    k
        Passages given to the model.
    candidates
        Passages that are retrieved and reranked, of which the best ``k`` are used. Where ``k`` is larger,
        the further ones follow in the order of retrieval.
    contextual
        Whether a chunk is embedded and indexed with its document's title and headings before it. Where this
        was changed, the next ingest embeds all documents anew.
    multi_query
        How many other wordings of a question are searched for beside it, and their passages fused: the
        model writes them in one short request; the extractive answerer has none. 0 is none.
    cores
        The most processor cores that an ingest uses; None is all.

    Raises
    ------
    ConfigurationError
        For a part that does not exist.
    """

    def __init__(
        self,
        llm: LLM | str | None = None,
        embeddings: Embeddings | str | None = None,
        vectorstore: VectorStore | str | None = None,
        reranker: Reranker | str | Sequence[Reranker | str] | None = None,
        *,
        home: str | Path | None = ".ragnb",
        retry: Retry | None = None,
        fallback: LLM | str | Sequence[LLM | str] = (),
        tiers: Mapping[str, LLM | str] | Sequence[Tier] = (),
        router: Router | Rule | None = None,
        hold: Hold | None = Hold(),  # noqa: B008
        prices: Mapping[str, Price] | None = None,
        budget: Budget | None = None,
        ladder: Ladder | None = None,
        hedge: Hedge | None = None,
        keep: Keep | None = None,
        k: int = 5,
        candidates: int = 20,
        contextual: bool = True,
        multi_query: int = 0,
        cores: int | None = None,
    ) -> None:
        self.home = None if home is None else _made_home(Path(home))
        self.k = checked_k(k)
        self.contextual = contextual
        self.cores = _checked_cores(cores)
        self.multi_query = _checked_wordings(multi_query)
        self._base = (Path.cwd() if self.home is None else self.home.parent).resolve()
        model = parts.embeddings(embeddings, cores)
        self.embeddings = _cached(model, self.home)
        self.routing = parts.routing(tiers, router, model, hold, prices)
        if self.routing is not None and llm is not None:
            raise ConfigurationError("Both llm= and tiers= were given.", "Make the model one of the tiers.")
        largest = llm if self.routing is None else self.routing.tiers.models[-1]
        self.llm, self._reason = parts.llm(largest, model)
        self.reranker = parts.reranker(reranker, self.embeddings)
        others = [fallback] if isinstance(fallback, (str, LLM)) else fallback
        self.fallback = tuple(parts.llm(other, model)[0] for other in others)
        self._accounts = Accounts(
            self.routing.tiers.prices if self.routing else Prices(prices or {}), budget
        )
        self._resilience = Resilience(
            retry or Retry(),
            ladder or Ladder(),
            windows=self.routing.tiers.windows if self.routing else Windows(),
            hedging=None if hedge is None else Hedging(hedge),
        )
        self._candidates = candidates
        self.vectorstore = parts.vectorstore(vectorstore, self.home)
        journal = InMemory() if self.home is None else Journal(self.home / "answers", keep)
        self._answering = Answering(self._engine(), journal)
        # No daemon: torch aborts a process that ends while a thread still loads it.
        threading.Thread(target=self._warm_up, name="ragnb-warm-up").start()

    def __repr__(self) -> str:
        return (
            f"RAGPipeline(llm={self.llm.name!r}, embeddings={self.embeddings.name!r}, "
            f"vectorstore={type(self.vectorstore).__name__}, home={str(self.home)!r})"
        )

    def _engine(self) -> Engine:
        retriever = Retriever(self.embeddings, self.vectorstore, self._candidates)
        return Engine(
            retriever,
            self.llm,
            self._reason,
            self.reranker,
            self.fallback,
            self.routing,
            self._resilience,
            self._accounts,
            self.multi_query,
        )

    def _warm_up(self) -> None:
        """Load while the user is still typing. What fails here fails again, and is told, at its use."""
        self._answering.journal.tidy()
        models = (self.llm,) if self.routing is None else self.routing.tiers.models
        loads = [self.embeddings.warm_up, getattr(self.reranker, "warm_up", None)]
        loads += [model.warm_up for model in (*models, *self.fallback)]
        for load in filter(None, loads):
            try:
                load()
            except Exception:
                continue

    # ---- documents in --------------------------------------------------------------------------

    async def aingest(self, *paths: str | Path, ignore: str | Iterable[str] = ()) -> IngestReport:
        """Index files, folders, globs and web addresses.

        A file whose content has not changed is left alone, a changed one takes the old one's place at
        once, one that was moved keeps its embeddings, and one that is gone leaves the index. After an
        interruption the next ingest goes on from there.

        ``ignore`` takes patterns as a ``.gitignore`` does; a ``.gitignore`` or ``.ragnbignore`` in the
        folders holds too. A progress bar tells how far it is, the report what became of each file. Raises
        `InvalidInputError` for a path that does not exist.
        """
        if not paths:
            raise InvalidInputError("No path was given.", 'Say which: rag.ingest("a/folder").')
        patterns = [ignore] if isinstance(ignore, str) else list(ignore)
        return await self._index(lambda indexer: indexer.files(paths, patterns))

    async def aadd(self, texts: str | Document | Iterable[str | Document]) -> IngestReport:
        """Index texts or documents exactly as given; a text is never taken for a path."""
        documents = as_documents(texts)
        return await self._index(lambda indexer: indexer.documents(documents))

    async def aremove(self, *documents: str | Path) -> IngestReport:
        """Take documents out of the index: files, folders, globs, addresses, or sources of given documents.

        Raises `InvalidInputError`, before anything is taken out, for what means no document of the index.
        """
        return await self._with_store(
            lambda store: library.remove(store, self.embeddings, documents, self._base)
        )

    async def amove(self, vectorstore: VectorStore | str) -> int:
        """Copy the whole index into another store, embeddings included, and use that from now on.

        Returns the number of documents copied; what is there already is not copied again.
        """
        target = parts.vectorstore(vectorstore, self.home)

        def copy(store: VectorStore) -> int:
            return move(store, target, IndexInfo(self.embeddings.name, self.embeddings.dimensions))

        copied = await self._with_store(copy)
        self.vectorstore = target
        self._answering.engine = self._engine()
        return copied

    async def adocuments(self) -> library.DocumentList:
        """What is in the index, by name, with the number of chunks and the metadata of each."""
        return await self._with_store(library.documents)

    async def asurroundings(self, passage: Chunk | Hit, before: int = 1, after: int = 1) -> list[Chunk]:
        """A passage between its neighbours in its document, in order."""
        return await self._with_store(lambda store: library.surroundings(store, passage, before, after))

    async def _index(self, work: Callable[[Indexer], IngestReport]) -> IngestReport:
        stop = threading.Event()

        def index(store: VectorStore) -> IngestReport:
            bar = ProgressBar()
            return work(Indexer(self.embeddings, store, bar, self._base, self.contextual, self.cores, stop))

        try:
            return await self._with_store(index)
        except asyncio.CancelledError:
            stop.set()
            raise

    async def _with_store(self, work: Callable[[VectorStore], T]) -> T:
        def open_and_work() -> T:
            self._answering.engine.retriever.open()
            return work(self.vectorstore)

        return await asyncio.to_thread(open_and_work)

    # ---- answers out ---------------------------------------------------------------------------

    def _ask(self, question: str, k: int | None, where: Filter | None, key: str | None) -> Taken:
        return self._answering.ask(question, self.k if k is None else checked_k(k), where, key)

    def resume(self, answer: str | Answer, *, wait: bool = True, keep_live: bool = False) -> Answer:
        """Go on with an answer whose process ended before it did, live in the cell as by `ask`.

        ``answer`` is its id, or the answer itself as `answers` gives it. It goes on in the same log, after
        the last character that is out, on the same passages, by the model that wrote it, if this pipeline
        has that one, else by the pipeline's own.

        One that has finished is shown as it is, and one that runs in this process is joined. One that
        failed or was cancelled has its end, so a new answer begins with what is out of it, and goes on from
        there. Raises `AnswerInUseError` while another process writes it, `InvalidInputError` if there is
        none, and `JournalError` if nothing of it can be read or the journal cannot be written.
        """
        resumed = self._resume(answer)
        show = cell.show if wait else cell.show_soon
        show(resumed, ask_again=lambda: self.start_again(resumed), keep_live=keep_live)
        return resumed

    async def aresume(self, answer: str | Answer, *, keep_live: bool = False) -> Answer:
        """`resume` without blocking the caller's loop; cancelling the task cancels the answer."""
        resumed = self._resume(answer)
        await cell.ashow(resumed, ask_again=lambda: self.start_again(resumed), keep_live=keep_live)
        return resumed

    def _resume(self, answer: str | Answer) -> Answer:
        answer_id = answer.id if isinstance(answer, Answer) else answer
        return self._answering.resume(answer_id).answer

    def ui(self, examples: Sequence[str] = ()) -> Any:
        """A question box above an answer cell, for a notebook's readers who write no code; ``examples`` are
        questions that they can click on."""
        from ragnb.widget.form import form  # ipywidgets are needed for nothing else here

        return form(self, examples)

    def chat(self, chat_id: str | None = None, *, memory: int = MEMORY) -> Chat:
        """Several turns, in which a question may lean on those before it; see `Chat`.

        ``chat_id`` goes on with an earlier one, also of another process. ``memory`` is about how many
        tokens of what was said before the model is sent with a question. Raises `InvalidInputError` if
        there is no such chat.
        """
        return Chat(self._answering, self.adocuments, self.k, chat_id, memory)

    def answers(self) -> AnswerList:
        """All answers of this home, oldest first; without a home, those of this pipeline.

        The list is quick however long it is: an answer's events are read when it is taken out.
        ``answers().entries`` tells of each its question, key, status, times, tokens and cost; `resume` goes
        on with one whose status is ``interrupted``.
        """
        return self._answering.journal.answers()

    # ---- how good it is --------------------------------------------------------------------------

    async def aevaluate(
        self,
        questions: running.Given,
        *,
        name: str = "",
        k: int | None = None,
        key: str | None = None,
        judge: LLM | str | None = None,
        retrieval_only: bool = False,
        concurrency: int = 1,
    ) -> Evaluation:
        """Ask questions whose answers are known, and measure what is found, cited and answered, how fast
        and for how much; see `Evaluation`.

        ``questions`` is a file of them (`read_questions`), a BEIR folder (retrieval alone is measured, by
        document), or a list. With a ``key``, answers that are there are not asked for again, as in `start`:
        an evaluation that was interrupted goes on where it was. It should name the state of the documents
        too. ``judge`` is a model that says of each answer whether it is right. ``retrieval_only`` calls
        no model. ``concurrency`` is how many questions are asked at once; times are those of one reader
        where it is 1.

        Raises `InvalidInputError` for questions that cannot be used, with the numbers of their lines.
        """
        chosen = None if judge is None else parts.llm(judge, self.embeddings)[0]
        file = None if self.home is None else self.home / "verdicts.jsonl"
        return await running.evaluate(
            self._answering,
            questions,
            k=self.k if k is None else checked_k(k),
            name=name,
            key=key,
            judge=Judge(self._asker(chosen), file) if chosen else None,
            retrieval_only=retrieval_only,
            concurrency=concurrency,
        )

    async def areport(
        self,
        questions: running.Given,
        *,
        run: str = "",
        corpus: str | Path | Iterable[str | Path] = (),
        output: str | Path | None = None,
        k: int | None = None,
        concurrency: int = 8,
        budget: float | None = None,
        alerts: Iterable[str] = (),
    ) -> Report:
        """Ingest what is new in ``corpus``, answer every question of a file or a list, and tell what came
        of it; see `Report`.

        ``run`` names the run; without one it is the file's name and the day. A run that was interrupted,
        however it ended, and is started again with its id takes over what is finished and goes on with what
        broke off. A question is asked again only if it, the settings, or the passages found for it have
        changed. A new run tells what changed since the last one of the same file's name.

        ``output`` is a folder for ``report.html``, ``report.md`` and ``report.jsonl``. ``concurrency``
        questions are asked at once. ``budget`` is the most that the run may cost, in USD, earlier starts of
        it included: what it leaves no money for is not asked. ``alerts`` are thresholds, such as
        ``"cost > 0.50"``, ``"failed > 5%"`` or ``"citation recall < 0.8"``.

        Raises `RunInUseError` while another process does this run, and `InvalidInputError` for what cannot
        be used, before anything is asked. What would end every answer, such as a wrong key, is raised where
        it leaves none; else the report tells it.
        """
        return await reporting.report(
            self._answering,
            self.home,
            questions,
            lambda paths: self.aingest(*paths),
            run=run,
            corpus=corpus,
            output=output,
            k=self.k if k is None else checked_k(k),
            concurrency=concurrency,
            budget=budget,
            thresholds=alerts,
        )

    async def apropose_questions(
        self, n: int = 20, *, llm: LLM | str | None = None, seed: int = 0
    ) -> QuestionList:
        """Questions about the documents of the index with their gold quotes, spread over the documents,
        to be edited by hand and saved: ``rag.propose_questions(20).save("questions.jsonl")``.

        A model writes them: ``llm``, or else the pipeline's own. Where that is the extractive answerer,
        they are gaps in sentences and names of sections. The same ``seed`` draws the same passages.
        """
        chosen = self.llm if llm is None else parts.llm(llm, self.embeddings)[0]
        documents = await self._with_store(library.documents)
        return await proposing.propose(self.vectorstore, documents, self._asker(chosen), n, seed)

    def _asker(self, llm: LLM) -> Asker:
        return Asker(llm, self._resilience.retry, self._accounts)

    evaluate = plain(aevaluate)
    propose_questions = plain(apropose_questions)
    report = plain(areport)
    ingest = plain(aingest)
    add = plain(aadd)
    remove = plain(aremove)
    move = plain(amove)
    documents = plain(adocuments)
    surroundings = plain(asurroundings)

    def close(self) -> None:
        """Let go of the index, so that another process may open it."""
        self.vectorstore.close()


def _cached(model: Embeddings, home: Path | None) -> CachedEmbeddings:
    """The model with its memory in the home; another pipeline's is shared where there is no home."""
    if isinstance(model, CachedEmbeddings):
        if home is None:
            return model
        model = model.inner
    return CachedEmbeddings(model, None if home is None else home / "embeddings.sqlite")


def _checked_wordings(n: int) -> int:
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= _MOST_WORDINGS:
        raise ConfigurationError(
            f"multi_query={n!r} is no number of other wordings.",
            f"Use 0 to {_MOST_WORDINGS}; 3 is usual.",
        )
    return n


def _checked_cores(cores: int | None) -> int | None:
    if cores is not None and (not isinstance(cores, int) or isinstance(cores, bool) or cores < 1):
        raise InvalidInputError(f"cores={cores!r} is no number of cores.", "Use 1 or more; None is all.")
    return cores


def _made_home(home: Path) -> Path:
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / ".gitignore").write_text("*\n")  # an index is no source
    except OSError as error:
        raise ConfigurationError(
            f"The home folder {home} cannot be written: {error.strerror}.",
            "Use another home=…, or home=None to keep everything in memory.",
        ) from error
    return home
