"""The scorer over an engine without torch, whose log-likelihoods are known on paper."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infocap_tasks.backend.answers import Answer
from infocap_tasks.backend.engine import EngineFacts, OutOfMemory, WindowScore
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

VOCABULARY = 8
COMMON, RARE = math.log(1 / 2), math.log(1 / 2 / (VOCABULARY - 1))


class Counting:
    """A model that counts: after n comes n + 1 with probability 1/2, else any other number."""

    facts = EngineFacts("on paper", None, None, "counting", None)
    max_length = 16

    def __init__(self, most_windows=10**6, batches_until_killed=10**6):
        self.most_windows = most_windows
        self.batches_until_killed = batches_until_killed
        self.scored = []

    def budget_tokens(self):
        return 20

    def fingerprint(self, settings):
        return f"counting-{settings['tokenizer']}"

    def score(self, batch, want_greedy):
        if len(batch) > self.most_windows:
            raise OutOfMemory(f"{len(batch)} windows")
        if self.batches_until_killed == 0:
            raise KeyboardInterrupt
        self.batches_until_killed -= 1
        self.scored += batch
        return [self.score_one(window, want_greedy) for window in batch]

    def score_one(self, window, want_greedy):
        before = window.inputs[-len(window.continuation) :]
        follows = [
            (a + 1) % VOCABULARY == b for a, b in zip(before, window.continuation, strict=True)
        ]
        return WindowScore([COMMON if f else RARE for f in follows], want_greedy and all(follows))


def on_paper(window, want_greedy):
    score = Counting().score_one(window, want_greedy)
    return Answer(math.fsum(score.loglikelihoods_nats), score.is_greedy)


def scorer(engine, **more):
    return Scorer(engine, settings={"tokenizer": "numbers"}, **more)


ids = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=6).map(tuple)
windows = st.lists(st.builds(Window, ids, ids), max_size=30)
SOME = [Window((n % VOCABULARY,), (n // 5, n % 5, 1)) for n in range(30)]


@given(windows, st.booleans(), st.none() | st.integers(1, 5))
@settings(deadline=None)
def test_answers_come_in_order_and_equal_windows_are_scored_once(windows, want_greedy, sequences):
    engine = Counting()
    answers = scorer(engine, max_sequences=sequences).answers(windows, want_greedy, quiet=True)
    assert answers == [on_paper(window, want_greedy) for window in windows]
    assert len(engine.scored) == len(set(windows))


def test_resumed_run_scores_only_what_is_missing(tmp_path):
    killed = Counting(batches_until_killed=2)
    with pytest.raises(KeyboardInterrupt):
        scorer(killed, cache=str(tmp_path)).answers(SOME, want_greedy=True, quiet=True)
    resumed = Counting()
    answers = scorer(resumed, cache=str(tmp_path)).answers(SOME, want_greedy=True, quiet=True)
    assert answers == [on_paper(window, True) for window in SOME]
    assert killed.scored
    assert sorted(map(str, killed.scored + resumed.scored)) == sorted(map(str, SOME))


def test_kinds_of_request_do_not_share_stored_answers(tmp_path):
    follows = Window((0,), (1, 2))
    limited = Window((0,), (1, 2), vocabulary_size=5)
    engine = Counting()
    one = scorer(engine, cache=str(tmp_path))
    assert not one.answers([follows], want_greedy=False, quiet=True)[0].is_greedy
    assert one.answers([follows], want_greedy=True, quiet=True)[0].is_greedy
    assert one.answers([limited], want_greedy=True, quiet=True)[0].is_greedy
    assert engine.scored == [follows, follows, limited]


def test_batch_that_does_not_fit_is_halved_once(caplog):
    engine = Counting(most_windows=3)
    answers = scorer(engine, max_sequences=6).answers(SOME, want_greedy=True, quiet=True)
    assert answers == [on_paper(window, True) for window in SOME]
    assert "out of memory with 6 sequences: going on with 3 at a time" in caplog.text
    with pytest.raises(InfocapError, match="out of memory with 4 sequences of 3 tokens too"):
        scorer(Counting(most_windows=3), max_sequences=8).answers(SOME, True, quiet=True)


class InFlight(Counting):
    """A client of a server: many batches at once, finished the last one first."""

    def budget_tokens(self):
        return 1

    def score_concurrently(self, batches, want_greedy):
        for number in reversed(range(len(batches))):
            yield number, self.score(batches[number], want_greedy)


def test_batches_may_finish_in_any_order_and_are_kept_as_they_finish(tmp_path):
    killed = InFlight(batches_until_killed=7)
    with pytest.raises(KeyboardInterrupt):
        scorer(killed, cache=str(tmp_path)).answers(SOME, want_greedy=True, quiet=True)
    assert len(killed.scored) == 7
    resumed = InFlight()
    answers = scorer(resumed, cache=str(tmp_path)).answers(SOME, want_greedy=True, quiet=True)
    assert answers == [on_paper(window, True) for window in SOME]
    assert sorted(map(str, killed.scored + resumed.scored)) == sorted(map(str, SOME))


class Reversed(Counting):
    """Other weights under the same name: after n comes n - 1."""

    def score_one(self, window, want_greedy):
        backwards = Window(
            tuple(-token for token in window.context),
            tuple(-token for token in window.continuation),
        )
        return super().score_one(backwards, want_greedy)


def test_kept_answers_of_other_weights_are_refused_where_the_fingerprint_cannot_tell(tmp_path):
    asked = {"want_greedy": True, "quiet": True}
    first = scorer(Counting(), cache=str(tmp_path), repeats_within=lambda num_tokens: 0.1)
    kept = first.answers(SOME[:20], **asked)
    again = Counting()
    same = scorer(again, cache=str(tmp_path), repeats_within=lambda num_tokens: 0.1)
    assert same.answers(SOME, **asked)[:20] == kept
    assert len(again.scored) == len(SOME) - 20 + 1  # one of the kept ones is asked for again
    other = scorer(Reversed(), cache=str(tmp_path), repeats_within=lambda num_tokens: 0.1)
    with pytest.raises(InfocapError, match="answers kept there are those of other weights"):
        other.answers(SOME, **asked)


class Rounding(Counting):
    """Gives other answers than ``Counting`` to some windows."""

    def __init__(self, changed):
        super().__init__()
        self.changed = changed

    def score_one(self, window, want_greedy):
        score = super().score_one(window, want_greedy)
        more = 1.0 if window in self.changed else 0.0
        return WindowScore([nats - more for nats in score.loglikelihoods_nats], score.is_greedy)


@pytest.mark.parametrize(
    ("changed", "is_refused"),
    [((0,), False), ((1, 2), False), ((0, 1), True), ((0, 2), True), ((0, 1, 2), True)],
)
def test_one_kept_answer_that_does_not_repeat_is_not_other_weights(tmp_path, changed, is_refused):
    windows = [Window((1,), tuple(range(2, 2 + length))) for length in (6, 5, 4, 3)]
    asked = {"want_greedy": False, "quiet": True}
    within = {"cache": str(tmp_path), "repeats_within": lambda num_tokens: 0.1}
    kept = scorer(Counting(), **within).answers(windows, **asked)
    again = scorer(Rounding([windows[place] for place in changed]), **within)
    if is_refused:
        with pytest.raises(InfocapError, match="of other weights: a text of 6 tokens"):
            again.answers(windows, **asked)
    else:
        assert again.answers(windows, **asked) == kept


class Broken(Counting):
    """A device that gives NaN."""

    def score_one(self, window, want_greedy):
        return WindowScore([math.nan] * len(window.continuation), False)


def test_answers_that_are_no_numbers_are_not_kept(tmp_path):
    asked = {"want_greedy": True, "quiet": True}
    broken = scorer(Broken(), cache=str(tmp_path)).answers(SOME, **asked)
    assert all(math.isnan(answer.loglikelihood_nats) for answer in broken)
    again = scorer(Counting(), cache=str(tmp_path)).answers(SOME, **asked)
    assert again == [on_paper(window, True) for window in SOME]
