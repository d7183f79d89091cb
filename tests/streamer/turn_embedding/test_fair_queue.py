"""Who is served next."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streamer.turn_embedding.fair_queue import FairQueue, Job, Priority, Urgency

FINAL, SPECULATIVE, PARTIAL, RECORDED = Urgency


def job(stream: str, what: str, urgency: Urgency = FINAL) -> Job[str]:
    return Job(stream, Priority(urgency), what)


def taken(queue: FairQueue[str], limit: int = 1) -> list[str]:
    return [job.what for job in queue.take(limit)]


def filled(*jobs: Job[str]) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for each in jobs:
        queue.put(each)
    return queue


def test_finals_go_before_speculation_before_partials_and_are_not_mixed() -> None:
    queue = filled(
        job("a", "partial", PARTIAL),
        job("a", "ahead", SPECULATIVE),
        job("b", "final"),
        job("c", "ahead too", SPECULATIVE),
    )
    assert taken(queue, 9) == ["final"]
    assert taken(queue, 9) == ["ahead", "ahead too"]
    assert taken(queue, 9) == ["partial"]
    assert taken(queue, 9) == []


def test_a_stream_with_many_jobs_does_not_starve_another() -> None:
    queue = filled(*(job("busy", f"busy {n}") for n in range(50)), job("calm", "calm"))
    assert taken(queue) == ["busy 0"]
    assert taken(queue) == ["calm"]
    queue.put(job("calm", "calm again"))
    assert taken(queue, 3) == ["busy 1", "calm again", "busy 2"]


def test_a_turn_that_is_over_rises() -> None:
    priority = Priority(SPECULATIVE)
    queue = filled(Job("a", Priority(SPECULATIVE), "other"), Job("b", priority, "mine"))
    priority.urgency = FINAL
    assert taken(queue, 9) == ["mine"]


def test_what_nobody_needs_is_not_done() -> None:
    kept, dropped = job("a", "kept"), job("a", "dropped")
    queue = filled(dropped, kept, job("b", "other"))
    queue.discard(dropped)
    queue.discard(dropped)
    queue.discard(job("nobody", "never put"))
    assert taken(queue, 9) == ["kept", "other"]
    assert len(queue) == queue.streams == 0


def test_waiting_are_those_at_least_so_urgent() -> None:
    queue = filled(
        job("a", "final"),
        job("a", "ahead", SPECULATIVE),
        job("b", "partial", PARTIAL),
        job("c", "recorded", RECORDED),
    )
    assert [len(queue.waiting(urgency)) for urgency in Urgency] == [1, 2, 3, 4]


def test_recordings_wait_for_all_that_comes_in_its_own_time() -> None:
    queue = filled(job("a", "recorded", RECORDED), job("b", "partial", PARTIAL), job("c", "final"))
    assert [taken(queue, 9) for _ in range(3)] == [["final"], ["partial"], ["recorded"]]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(Urgency)), max_size=40),
    st.integers(1, 7),
)
def test_every_job_is_done_once_in_order_and_streams_take_turns(
    asked: list[tuple[str, Urgency]], limit: int
) -> None:
    queue: FairQueue[int] = FairQueue()
    jobs = [Job(stream, Priority(urgency), n) for n, (stream, urgency) in enumerate(asked)]
    for each in jobs:
        queue.put(each)
    batches = []
    while len(queue):
        batches.append(queue.take(limit))
    assert all(0 < len(batch) <= limit for batch in batches)
    done = [each for batch in batches for each in batch]
    assert sorted(each.what for each in done) == list(range(len(jobs)))
    assert [each.priority.urgency for each in done] == sorted(urgency for _, urgency in asked)
    for urgency in Urgency:
        left = Counter(stream for stream, asked_as in asked if asked_as == urgency)
        served: Counter[str] = Counter()
        latest = dict.fromkeys(left, -1)
        for each in done:
            if each.priority.urgency == urgency:
                stream = str(each.stream)
                assert latest[stream] < each.what
                latest[stream] = each.what
                left[stream] -= 1
                served[stream] += 1
                waiting = [served[other] for other, jobs_left in left.items() if jobs_left]
                assert not waiting or served[stream] - min(waiting) <= 1


def test_turns_that_are_still_spoken_go_in_small_batches() -> None:
    spoken = [job(stream, f"{stream} partial", PARTIAL) for stream in "abc"]
    queue = filled(*spoken, *(job(stream, f"{stream} final") for stream in "abc"))
    assert [each.what for each in queue.take(3, 2)] == ["a final", "b final", "c final"]
    assert [each.what for each in queue.take(3, 2)] == ["a partial", "b partial"]
    assert [each.what for each in queue.take(3, 2)] == ["c partial"]
    assert [each.what for each in filled(*spoken).take(1, 2)] == ["a partial"]
