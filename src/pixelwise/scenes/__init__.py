"""Seeded landscapes with labels and objects: the data behind `pixelwise demo`, the pictures and the tests."""

from __future__ import annotations

from pixelwise.scenes.canvas import SCENE_CLASSES as SCENE_CLASSES
from pixelwise.scenes.compose import Scene as Scene
from pixelwise.scenes.compose import scene as scene
from pixelwise.scenes.dataset import write_scenes as write_scenes
