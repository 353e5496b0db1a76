"""Demo data: drawn landscapes and tables of fruit, with label maps and instance maps, from a seed.

The package makes the data set of `pixelwise demo`, the pictures of the documentation and the images of many tests. It
is no part of the library: of `pixelwise` it uses `core` alone, and only the command `demo` imports it.
"""

from __future__ import annotations

from pixelwise_scenes.canvas import SCENE_CLASSES as SCENE_CLASSES
from pixelwise_scenes.compose import Scene as Scene
from pixelwise_scenes.compose import scene as scene
from pixelwise_scenes.dataset import write_scenes as write_scenes
