"""Signals while a model trains: the step is finished first."""

from __future__ import annotations

import signal
import threading

import pytest

from pixelwise.training.stopping import StopRequest, catch_stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_obeyed_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with catch_stop_signals() as stop:
        assert not stop
        signal.raise_signal(number)
        assert stop
        assert stop.number == number
    assert signal.getsignal(number) is before


def test_the_second_does_what_it_does_elsewhere() -> None:

    def press_twice() -> None:
        with catch_stop_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catch_stop_signals() as stop:
            signal.raise_signal(signal.SIGINT)
        assert not stop
    finally:
        signal.signal(signal.SIGINT, before)


def test_several_processes_and_other_threads_are_left_alone() -> None:
    handlers = []

    def look(processes: int) -> None:
        with catch_stop_signals(processes):
            handlers.append(signal.getsignal(signal.SIGINT))

    look(2)
    thread = threading.Thread(target=look, args=(1,))
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler] * 2


def test_whoever_handles_the_signal_the_training_ends() -> None:
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        stop = StopRequest()
        stop.number = signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            stop.obey()
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
