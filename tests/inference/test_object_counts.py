from __future__ import annotations

from pathlib import Path

import pytest

from pixelwise.core.errors import OutputError
from pixelwise.inference.object_counts import write_object_counts
from pixelwise.inference.writers.table import open_table


def _write(path: Path, *objects: tuple[str, int]) -> None:
    """Write a table of objects, each of a class and an area."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_table(path) as write_rows:
        write_rows([number, name, "0.9", area, *[0] * 8] for number, (name, area) in enumerate(objects, start=1))


def test_a_row_for_each_image(tmp_path: Path) -> None:
    _write(tmp_path / "b_objects.csv", ("cell", 10), ("cell", 15))
    _write(tmp_path / "a_objects.csv")
    _write(tmp_path / "plate/c_objects.csv", ("cell", 4))
    path = write_object_counts(tmp_path)
    assert path == tmp_path / "objects_per_image.csv"
    assert path.read_text() == "image,objects,mean_area,total_area\na,0,,0\nb,2,12.50,25\nplate/c,1,4.00,4\n"


def test_several_classes_have_a_column_each(tmp_path: Path) -> None:
    _write(tmp_path / "a_objects.csv", ("pear", 3), ("apple", 5), ("pear", 4))
    _write(tmp_path / "b_objects.csv")
    lines = write_object_counts(tmp_path).read_text().splitlines()
    assert lines == ["image,objects,mean_area,total_area,apple,pear", "a,3,4.00,12,1,2", "b,0,,0,0,0"]


def test_other_tables_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "my_objects.csv").write_text("name,weight\nstone,3\n")
    (tmp_path / "empty_objects.csv").touch()
    assert write_object_counts(tmp_path).read_text() == "image,objects,mean_area,total_area\n"


@pytest.mark.parametrize("row", ["1,cell", "1,cell,0.9,many"])
def test_a_damaged_table_is_named(tmp_path: Path, row: str) -> None:
    _write(tmp_path / "a_objects.csv")
    with (tmp_path / "a_objects.csv").open("a") as file:
        file.write(row)
    with pytest.raises(OutputError, match=r"a_objects\.csv: found a damaged table"):
        write_object_counts(tmp_path)
