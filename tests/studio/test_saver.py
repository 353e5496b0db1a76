"""Masks are written soon after an action, also after a full disk."""

import threading

from pixelwise.core.errors import OutputError
from pixelwise.studio import saver as module
from pixelwise.studio.saver import Saver


def test_saved_soon_and_once_for_many_actions(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.2)
    saved = threading.Semaphore(0)
    saver = Saver(saved.release, lambda error: None)
    for _ in range(20):
        saver.wake()
    assert saved.acquire(timeout=10)
    assert not saved.acquire(timeout=0.5)
    saver.wake()
    assert saved.acquire(timeout=10)
    saver.close()


def test_error_is_told_and_it_is_tried_again(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    errors, saved, attempts = [], threading.Event(), []

    def save():
        attempts.append(1)
        if len(attempts) < 3:
            raise OutputError("masks", "no space", "some", "Free some.")
        saved.set()

    saver = Saver(save, errors.append)
    saver.wake()
    assert saved.wait(10)
    saver.close()
    assert [error.found for error in errors] == ["no space", "no space"]
