"""Seeded landscapes and tables of fruit, with labels and objects: the data behind the demo, the pictures and tests."""

from __future__ import annotations

from pixelwise_scenes.canvas import SCENE_CLASSES as SCENE_CLASSES
from pixelwise_scenes.compose import Scene as Scene
from pixelwise_scenes.compose import scene as scene
from pixelwise_scenes.dataset import write_scenes as write_scenes
