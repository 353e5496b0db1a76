"""Inputs: a valid set of files of some kind, of which a few are changed. Each is a function of (kind, seed, index)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from random import Random

from lab.fuzz import layouts_masks, layouts_shapes
from lab.fuzz.models import OBJECTS, run_tree
from lab.fuzz.mutate_bytes import changed as changed_bytes
from lab.fuzz.mutate_documents import changed_json, changed_text, changed_xml, changed_yaml, encoded
from lab.fuzz.mutate_files import changed_files
from lab.fuzz.mutate_models import changed_model, changed_tensors
from lab.fuzz.mutate_pictures import changed_header, changed_pixels
from lab.fuzz.pictures import photo_file, pictures, rasters, zarr
from lab.fuzz.tree import Tree, files_in

LAYOUTS: dict[str, Callable[[], Iterable[Tree]]] = {
    **{layout.__name__: layout for layout in (layouts_masks.folders, layouts_masks.camvid, layouts_masks.sunrgbd)},
    **{
        layout.__name__: layout
        for layout in (layouts_masks.isbi, layouts_masks.cityscapes, layouts_masks.dsb, layouts_masks.voc)
    },
    **{
        layout.__name__: layout
        for layout in (layouts_masks.nnunet, layouts_masks.ctc, layouts_masks.retina, layouts_masks.pets)
    },
    **{layout.__name__: layout for layout in (layouts_masks.loveda, layouts_masks.panoptic, layouts_shapes.coco)},
    **{
        layout.__name__: layout
        for layout in (layouts_shapes.yolo, layouts_shapes.cvat, layouts_shapes.labelme, layouts_shapes.via)
    },
}
KINDS: dict[str, float] = {
    **dict.fromkeys(LAYOUTS, 2.0),
    **{"folders": 5.0, "coco": 6.0, "yolo": 5.0, "cvat": 5.0, "labelme": 5.0, "via": 4.0, "voc": 4.0},
    **{"image": 14.0, "raster": 6.0, "mask": 6.0, "model": 8.0, "run": 3.0},
}
"""What there is, and its share of all inputs, as a weight."""
TORCH = ("run",)
"""Kinds that need torch."""
DOCUMENTS = (".json", ".yaml", ".yml", ".xml", ".txt", ".csv", ".jgw", ".wld", ".prj")
PICTURES = (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp", ".ppm", ".tga", ".jp2")
TENSORS = (".safetensors", ".ckpt")
ZARR = (".zarray", ".zattrs", ".zgroup")
WORLD = b"2.0\n0.0\n0.0\n-2.0\n500000.0\n5400000.0\n"
AUX = b"<PAMDataset><SRS>EPSG:32632</SRS><GeoTransform>5e5, 2, 0, 5.4e6, 0, -2</GeoTransform><Metadata/></PAMDataset>"


@dataclass(frozen=True)
class Input:
    """A mutated set of files, and in words what was changed in them; `rng` goes on with what is done with them."""

    kind: str
    seed: int
    index: int
    tree: Tree
    notes: tuple[str, ...]
    rng: Random


def shares(inputs: int, kinds: Iterable[str] = KINDS) -> dict[str, int]:
    """Return how many inputs of each kind there are among so many, at least one."""
    weights = {kind: KINDS[kind] for kind in kinds}
    return {kind: max(1, round(inputs * weight / sum(weights.values()))) for kind, weight in weights.items()}


@cache
def seeds(kind: str, made: Path) -> tuple[Tree, ...]:
    """Return the valid sets of files of a kind; `made` is where `models.made` put those of models and runs."""
    if kind in LAYOUTS:
        return tuple(LAYOUTS[kind]())
    if kind == "model":
        files = (made / "run" / "model.onnx", made / OBJECTS)
        return tuple({"model.onnx": file.read_bytes(), "a.png": photo_file(1)} for file in files)
    if kind == "run":
        return (run_tree(made),)
    base: Tree = {"classes.txt": b"background\ncell\ndisc\n"}
    base |= {f"images/{s}.png": photo_file(ord(s)) for s in "bc"}
    base |= {f"masks/{stem}.png": layouts_masks.png(0, 1, 2) for stem in "bc"}
    contents = rasters() if kind == "raster" else layouts_masks.masks() if kind == "mask" else pictures()
    folder = "masks" if kind == "mask" else "images"
    other: Tree = {"images/a.png": photo_file(5)} if kind == "mask" else {"masks/a.png": layouts_masks.png(0, 1, 2)}
    trees: list[Tree] = [
        {**base, **other, f"{folder}/a{PurePosixPath(name).suffix}": content} for name, content in contents.items()
    ]
    if kind == "raster":
        placed: Tree = {**base, **other, "images/a.jpg": photo_file(6, "JPEG")}
        if rasters():
            trees.append({**base, **other, **{f"images/a.zarr/{name}": content for name, content in zarr().items()}})
        trees += [placed | {"images/a.jgw": WORLD}, placed | {"images/a.jpg.aux.xml": AUX, "images/a.wld": WORLD}]
    return tuple(trees)


def make(kind: str, seed: int, index: int, made: Path) -> Input:
    """Return an input. The first of each kind are its seeds as they are."""
    known = seeds(kind, made)
    rng = Random(f"{kind} {seed} {index}")
    tree = dict(known[index % len(known)])
    if index < len(known):
        return Input(kind, seed, index, tree, ("nothing",), rng)
    notes = tuple(_mutate(tree, kind, made, rng) for _ in range(rng.choice((1, 1, 1, 1, 2, 3))))
    return Input(kind, seed, index, tree, notes, rng)


def _mutate(tree: Tree, kind: str, made: Path, rng: Random) -> str:
    """Change a file, or which files there are; return which and how."""
    files = files_in(tree)
    if not files or rng.random() < (0.05 if kind in ("model", "run") else 0.2):
        return changed_files(tree, rng)
    name = _chosen(files, kind, rng)
    way, content = _changed(name, files[name], kind, made, rng)
    tree[name] = content
    return f"{way} of {name!r}"


def _chosen(files: dict[str, bytes], kind: str, rng: Random) -> str:
    """Return the file to change: in most cases the one that the kind is about."""
    names = sorted(files)
    about = [name for name in names if name.endswith(DOCUMENTS)]
    if kind in ("image", "raster", "mask"):
        folder = "masks" if kind == "mask" else "images"
        about = [name for name in names if name.startswith(f"{folder}/a.")]
    elif kind == "model":
        about = [name for name in names if name.endswith(".onnx")]
    elif kind == "run":
        about = names
    return rng.choice(about if about and rng.random() < 0.75 else names)


def _changed(name: str, data: bytes, kind: str, made: Path, rng: Random) -> tuple[str, bytes]:
    suffix = PurePosixPath(name).suffix.lower()
    if PurePosixPath(name).name in ZARR:
        suffix = ".json"
    try:
        if suffix in DOCUMENTS and rng.random() < 0.85:
            return "text", encoded(_document(suffix, data.decode("utf-8"), rng), rng)
        if suffix in PICTURES and rng.random() < 0.6:
            return (
                ("header", changed_header(data, rng)) if rng.random() < 0.6 else ("pixels", changed_pixels(data, rng))
            )
        if suffix in TENSORS and rng.random() < 0.7:
            return "header", changed_tensors(data, rng)
        if suffix == ".onnx" and rng.random() < 0.8:
            return "graph", changed_model(data, rng)
    except Exception:  # whatever a parser makes of what an earlier change has spoilt, it is changed byte by byte
        return "bytes", changed_bytes(data, rng, _other(made, rng))
    return "bytes", changed_bytes(data, rng, _other(made, rng))


def _document(suffix: str, text: str, rng: Random) -> str:
    structured = {".json": changed_json, ".yaml": changed_yaml, ".yml": changed_yaml, ".xml": changed_xml}
    change = structured.get(suffix, changed_text)
    return (changed_text if rng.random() < 0.2 else change)(text, rng)


def _other(made: Path, rng: Random) -> bytes:
    """Return a file of any kind, to splice with."""
    tree = files_in(rng.choice(seeds(rng.choice(("folders", "image", "coco", "cvat", "yolo", "raster")), made)))
    return tree[rng.choice(sorted(tree))]
