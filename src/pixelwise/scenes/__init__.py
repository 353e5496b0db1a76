"""Seeded landscapes and tables of fruit, with labels and objects: the data behind the demo, the pictures and tests."""

from __future__ import annotations

from pixelwise.scenes.canvas import SCENE_CLASSES as SCENE_CLASSES
from pixelwise.scenes.compose import Scene as Scene
from pixelwise.scenes.compose import scene as scene
from pixelwise.scenes.dataset import write_scenes as write_scenes
