"""Working ahead: in order, an item ahead a thread, errors where the result is asked for."""

from __future__ import annotations

import threading

from pixelwise.core.prefetch import prefetch


def test_results_come_in_order() -> None:
    squares = [(item, future.result()) for item, future in prefetch(lambda n: n * n, range(20))]
    assert squares == [(n, n * n) for n in range(20)]


def test_nothing_comes_of_nothing() -> None:
    assert list(prefetch(len, [])) == []


def test_the_next_item_is_worked_on_meanwhile_and_no_other() -> None:
    started = [threading.Event() for _ in range(4)]

    def start(item: int) -> int:
        started[item].set()
        return item

    for item, future in prefetch(start, range(4)):
        assert future.result() == item
        if item < 3:
            assert started[item + 1].wait(timeout=10)
        assert not any(event.is_set() for event in started[item + 2 :])


def test_several_threads_work_on_as_many_items() -> None:
    """The first three items wait for each other, and so need a thread each; what is seen is in order."""
    meeting = threading.Barrier(3)

    def meet(item: int) -> int:
        if item < 3:
            meeting.wait(timeout=10)
        return item

    assert [(item, future.result()) for item, future in prefetch(meet, range(7), threads=3)] == [
        (n, n) for n in range(7)
    ]


def test_work_is_done_in_another_thread() -> None:
    threads = {future.result() for _, future in prefetch(lambda _: threading.get_ident(), range(5))}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_spoils_its_own_item_alone() -> None:
    errors = [type(future.exception()) for _, future in prefetch(lambda n: 12 // n, [3, 0, 4])]
    assert errors == [type(None), ZeroDivisionError, type(None)]


def test_leaving_early_starts_no_further_items() -> None:
    calls: list[int] = []
    for item, _ in prefetch(calls.append, range(100)):
        if item == 2:
            break
    assert calls == [0, 1, 2, 3][: len(calls)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
