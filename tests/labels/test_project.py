"""Projects: what is on the disk is what the actions say, whatever happened in between."""

import os
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import DataError, OptionError, OutputError, RunError
from pixelwise.data import open_dataset
from pixelwise.labels import image_labels, label_store, project_files
from pixelwise.labels import project as project_module
from pixelwise.labels.project import Project, open_project
from pixelwise.labels.project_files import default_project
from pixelwise.raster.image import read_values

SIZE = (40, 60)
DOT = {"type": "stroke", "points": [[8.0, 8.0]], "width": 1.0, "class_index": 1}


def stroke(row, class_index, width=1.0):
    """A horizontal line of 10 pixels whose centres it passes through."""
    return {
        "type": "stroke",
        "points": [[row + 0.5, 5.5], [row + 0.5, 14.5]],
        "width": width,
        "class_index": class_index,
    }


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.jpg"):
        Image.fromarray(rng.integers(0, 256, (*SIZE, 3), np.uint8)).save(folder / name)
    return folder


def mask_of(project, name):
    return read_values(project.mask_path(name))


def whole(project, name):
    return project.labels(name).label_map.read((0, 0, *SIZE))


def test_new_project_is_a_data_set_with_linked_images(photos):
    with open_project(photos, classes=["sky", "tree"]) as project:
        root = project.folder.root
        assert root == photos.with_name("photos-labels")
        assert [image.name for image in project.images] == ["a.png", "b.png", "c.jpg"]
        assert os.path.samefile(root / "images" / "a.png", photos / "a.png")
        project.perform(stroke(3, 0), "a.png")
        project.perform(stroke(4, 1), "b.png")
    expected = np.full(SIZE, 255, np.uint8)
    expected[3, 5:15] = 0
    assert_array_equal(read_values(root / "masks" / "a.png"), expected)
    dataset = open_dataset(root)
    assert dataset.classes.names == ("sky", "tree")
    item = next(item for _, item in dataset.items() if item.name == "b")
    assert_array_equal(np.argwhere(dataset.read(item).label_map == 1), [[4, column] for column in range(5, 15)])


def test_eraser_polygon_clean_and_clear(photos):
    with open_project(photos) as project:
        project.perform({"type": "polygon", "points": [[2, 2], [2, 8], [6, 8], [6, 2]], "class_index": 1}, "a.png")
        expected = np.full(SIZE, 255, np.uint8)
        expected[2:6, 2:8] = 1
        assert_array_equal(whole(project, "a.png"), expected)
        project.perform({**DOT, "points": [[3.5, 3.5]], "class_index": 255}, "a.png")
        expected[3, 3] = 255
        assert_array_equal(whole(project, "a.png"), expected)
        project.perform({"type": "clean", "class_index": 0}, "a.png")
        assert_array_equal(whole(project, "a.png"), np.where(expected == 255, 0, expected))
        project.perform({"type": "clear"}, "a.png")
        assert (whole(project, "a.png") == 255).all()


def test_undo_and_redo_have_no_end_and_outlive_a_restart(photos):
    states = []
    with open_project(photos) as project:
        for row in range(6):
            states.append(whole(project, "a.png"))
            project.perform(stroke(row, row % 2), "a.png")
        last = whole(project, "a.png")
        for row in (5, 4):
            project.perform({"type": "undo"}, "a.png")
            assert_array_equal(whole(project, "a.png"), states[row])
    with open_project(photos) as project:
        for row in (3, 2, 1, 0):
            project.perform({"type": "undo"}, "a.png")
            assert_array_equal(whole(project, "a.png"), states[row])
        number = project.number
        assert project.perform({"type": "undo"}, "a.png").nothing
        assert project.number == number
        for _ in range(6):
            project.perform({"type": "redo"}, "a.png")
        assert_array_equal(whole(project, "a.png"), last)
        project.perform({"type": "undo"}, "a.png")
        project.perform(stroke(20, 1), "a.png")
        assert project.perform({"type": "redo"}, "a.png").nothing


def test_undo_of_a_box_is_told(photos):
    with open_project(photos) as project:
        assert project.perform(stroke(3, 0), "a.png").changed_box_tlbr == (3, 5, 4, 15)
        assert project.perform({"type": "undo"}, "a.png").changed_box_tlbr == (3, 5, 4, 15)


def test_classes_are_merged_and_deleted_in_every_image_and_before_older_actions_are_redone(photos):
    with open_project(photos, classes=["a", "b", "c", "d"]) as project:
        for row in range(4):
            project.perform(stroke(row, row), "a.png")
        project.perform(stroke(9, 3), "b.png")
        project.perform({"type": "undo"}, "b.png")
        project.perform({"type": "class_merge", "from": 1, "into": 3})
        assert project.classes.names == ("a", "c", "d")
        assert [whole(project, "a.png")[row, 5] for row in range(4)] == [0, 2, 1, 2]
        project.perform({"type": "redo"}, "b.png")
        assert whole(project, "b.png")[9, 5] == 2
        project.perform({"type": "class_delete", "class_index": 0})
        assert [whole(project, "a.png")[row, 5] for row in range(4)] == [255, 1, 0, 1]
        project.perform(stroke(20, 1), "b.png")  # a later one: the deletion stands
        project.perform({"type": "undo"}, "a.png")
        assert [whole(project, "a.png")[row, 5] for row in range(4)] == [255, 1, 0, 255]
        root = project.folder.root
    assert open_dataset(root).classes.names == ("c", "d")
    with Project(root) as project:
        assert [whole(project, "a.png")[row, 5] for row in range(4)] == [255, 1, 0, 255]
        assert project.counts("a.png") == {0: 10, 1: 10}


def test_actions_on_classes_are_undone_in_turn_with_strokes_and_after_a_restart(photos):
    """Undo takes back what was done last, redo goes the same way forward; labels of a deleted class are there again."""
    with open_project(photos, classes=["a", "b", "c"]) as project:
        for row in range(3):
            project.perform(stroke(row, row), "a.png")
        project.perform(stroke(9, 2), "b.png")
        project.perform({"type": "class_delete", "class_index": 1})
        project.perform({"type": "class_rename", "class_index": 1, "name": "last"})
        project.perform({"type": "class_add", "name": "new", "color": "#123456"})
        project.perform(stroke(20, 2), "a.png")
        root = project.folder.root
        assert project.perform({"type": "undo"}).nothing  # a stroke is newer
        assert not project.perform({"type": "undo"}, "b.png").of_classes

    with Project(root) as project:
        project.perform({"type": "redo"}, "b.png")
        for names in (None, ("a", "last"), ("a", "c"), ("a", "b", "c")):
            outcome = project.perform({"type": "undo"}, "a.png")
            assert outcome.of_classes == (names is not None)
            assert project.classes.names == (names or ("a", "last", "new"))
        assert [whole(project, "a.png")[row, 5] for row in (0, 1, 2, 20)] == [0, 1, 2, 255]
        assert project.counts("b.png") == {2: 10}

    with Project(root) as project:
        assert [whole(project, "a.png")[row, 5] for row in (0, 1, 2, 20)] == [0, 1, 2, 255]
        assert [project.perform({"type": "redo"}, "a.png").of_classes for _ in range(4)] == [True, True, True, False]
        assert project.classes.names == ("a", "last", "new")
        assert [whole(project, "a.png")[row, 5] for row in (0, 1, 2, 20)] == [0, 255, 1, 2]
        assert project.counts("b.png") == {1: 10}
        labels = {name: whole(project, name) for name in ("a.png", "b.png")}

    dataset = open_dataset(root)
    for name, expected in labels.items():
        item = next(item for _, item in dataset.items() if item.image.name == name)
        assert_array_equal(dataset.read_labels(item).label_map, expected)


def test_a_new_stroke_ends_the_redo_of_classes_and_of_what_was_drawn_with_them(photos):
    with open_project(photos, classes=["a", "b"]) as project:
        project.perform(stroke(1, 1), "b.png")
        project.perform({"type": "undo"}, "b.png")
        project.perform({"type": "class_add", "name": "c"})
        project.perform(stroke(2, 2), "a.png")
        project.perform({"type": "undo"}, "a.png")
        project.perform({"type": "undo"}, "a.png")
        assert project.classes.names == ("a", "b")
        project.perform({"type": "class_add", "name": "d"})
        assert project.perform({"type": "redo"}, "a.png").nothing  # a stroke of a class that is no more
        project.perform({"type": "redo"}, "b.png")
        assert whole(project, "b.png")[1, 5] == 1
        assert project.classes.names == ("a", "b", "d")


def test_recoloured_class_is_recoloured_in_the_masks(photos):
    with open_project(photos) as project:
        project.perform(stroke(3, 1), "a.png")
        project.flush()
        project.perform({"type": "class_recolor", "class_index": 1, "color": "#123456"})
        root = project.folder.root
    palette = Image.open(root / "masks" / "a.png").getpalette()
    assert palette[3:6] == [0x12, 0x34, 0x56]
    assert open_dataset(root).classes.colors[1] == (0x12, 0x34, 0x56)


def test_masks_that_are_behind_are_written_from_the_journal(photos):
    with open_project(photos) as project:
        project.perform(stroke(3, 1), "a.png")
        project.flush()
        old = project.mask_path("a.png").read_bytes()
        project.perform(stroke(5, 0), "a.png")
        project.perform(stroke(6, 0), "b.png")
        expected = [whole(project, name) for name in ("a.png", "b.png")]
        root = project.folder.root
    (root / "masks" / "a.png").write_bytes(old)
    (root / "masks" / "b.png").unlink()
    with Project(root) as project:
        for name, labels in zip(("a.png", "b.png"), expected, strict=True):
            assert_array_equal(mask_of(project, name), labels)
            assert_array_equal(whole(project, name), labels)


def test_mask_of_another_program_is_where_the_image_goes_on_from(photos):
    with open_project(photos) as project:
        project.perform(stroke(3, 1), "a.png")
        root = project.folder.root
    edited = np.zeros(SIZE, np.uint8)
    Image.fromarray(edited).save(root / "masks" / "a.png")
    with Project(root) as project:
        assert_array_equal(whole(project, "a.png"), edited)
        assert project.perform({"type": "undo"}, "a.png").nothing
        project.perform(stroke(7, 1), "a.png")
    with Project(root) as project:
        project.perform({"type": "undo"}, "a.png")
        assert_array_equal(whole(project, "a.png"), edited)


def test_mask_with_a_value_that_is_no_class_is_left_alone(photos):
    with open_project(photos) as project:
        root = project.folder.root
    (root / "masks").mkdir(exist_ok=True)
    Image.fromarray(np.full(SIZE, 7, np.uint8)).save(root / "masks" / "a.png")
    content = (root / "masks" / "a.png").read_bytes()
    with Project(root) as project:
        assert [image.name for image in project.images] == ["b.png", "c.jpg"]
        assert "the value 7" in project.problems[0]
    assert (root / "masks" / "a.png").read_bytes() == content


def test_test_images_are_listed(photos):
    with open_project(photos) as project:
        project.perform({"type": "mark_test", "value": True}, "b.png")
        root = project.folder.root
        assert (root / "test.txt").read_text() == "b.png\n"
        assert (root / "train.txt").read_text() == "a.png\nc.jpg\n"
        project.perform({"type": "mark_test", "value": False}, "b.png")
        assert not list(root.glob("*.txt"))


def test_action_that_is_sent_twice_is_done_once(photos):
    with open_project(photos) as project:
        first = project.perform({**stroke(3, 1), "id": "x1"}, "a.png")
        root = project.folder.root
        assert project.perform({**stroke(3, 1), "id": "x1"}, "a.png").number == first.number
    with Project(root) as project:
        assert project.perform({**stroke(3, 1), "id": "x1"}, "a.png").number == first.number
        assert project.number == first.number


@pytest.mark.parametrize(
    ("action", "image"),
    [
        ({"type": "paint"}, "a.png"),
        ({**DOT, "class_index": 2}, "a.png"),
        ({**DOT, "class_index": True}, "a.png"),
        ({**DOT, "width": float("inf")}, "a.png"),
        ({**DOT, "points": []}, "a.png"),
        ({**DOT, "points": [[1, None]]}, "a.png"),
        (DOT, "no.png"),
        (DOT, None),
        ({"type": "class_add", "name": "object"}, None),
        ({"type": "class_add", "name": "two\nlines"}, None),
        ({"type": "class_recolor", "class_index": 0, "color": "red"}, None),
        ({"type": "class_merge", "from": 1, "into": 1}, None),
        ({"type": "mark_test", "value": 1}, "a.png"),
        ({"type": "clean"}, "a.png"),
        ({"type": "accept", "whole": True, "point": [1, 1]}, "a.png"),
    ],
)
def test_mistakes_leave_the_journal_as_it_is(photos, action, image):
    with open_project(photos) as project:
        with pytest.raises(OptionError):
            project.perform(action, image)
        assert project.number == 0


def test_full_disk_changes_nothing(photos, monkeypatch):
    with open_project(photos) as project:
        project.perform(stroke(3, 1), "a.png")
        before = whole(project, "a.png")

        def refuse(entry):
            raise OutputError(project.folder.journal, "no space", "some", "Free some.")

        monkeypatch.setattr(project.journal, "append", refuse)
        with pytest.raises(OutputError):
            project.perform(stroke(9, 1), "a.png")
        assert_array_equal(whole(project, "a.png"), before)


def test_labels_beyond_the_memory_are_read_again(photos, monkeypatch):
    monkeypatch.setattr(label_store, "MOST_LABEL_BYTES", 1)
    with open_project(photos) as project:
        for row in range(3):
            for name in ("a.png", "b.png", "c.jpg"):
                project.perform(stroke(row, 1), name)
        for name in ("a.png", "b.png", "c.jpg"):
            assert project.counts(name) == {1: 30}
            assert (whole(project, name)[:3, 5:15] == 1).all()


def test_second_process_is_refused(photos):
    with open_project(photos) as project, pytest.raises(RunError, match="has open"):
        Project(project.folder.root)


def test_what_is_no_project_is_told(photos, tmp_path):
    with pytest.raises(DataError, match="a project"):
        Project(photos)
    with pytest.raises(OutputError, match="not a project"):
        open_project(photos, photos)
    with pytest.raises(DataError, match="no such directory"):
        open_project(tmp_path / "nothing")
    open_project(photos).close()
    with pytest.raises(OptionError, match="those of the project"):
        open_project(photos, classes=["other"])


def test_new_photos_join_when_the_project_is_opened_again(photos):
    open_project(photos).close()
    (photos / "more").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(photos / "more" / "a.png")
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(photos / "a.jpg")
    with open_project(photos) as project:
        names = [image.name for image in project.images]
        assert names == ["a.png", "a_2.jpg", "b.png", "c.jpg", "more_a.png"]


def test_labelled_data_set_is_corrected_in_a_project_of_its_own(tmp_path):
    root = tmp_path / "street"
    rng = np.random.default_rng(3)
    classes = {(0, 0, 0): 0, (255, 0, 0): 1}
    for split, count in (("train", 2), ("test", 1)):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(rng.integers(0, 256, (*SIZE, 3), np.uint8)).save(root / split / "images" / f"{number}.png")
            labels = rng.integers(0, 2, SIZE, np.uint8)
            colors = np.array(list(classes), np.uint8)[labels]
            Image.fromarray(colors).save(root / split / "masks" / f"{number}.png")
    (root / "classes.yaml").write_text(
        "classes: [{name: road, color: [0, 0, 0]}, {name: car, color: [255, 0, 0]}]\n", encoding="utf-8"
    )
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with open_project(root) as project:
        assert [image.name for image in project.images] == ["0.png", "0_2.png", "1.png"]
        assert project.classes.names == ("road", "car")
        expected = open_dataset(root)
        item = next(item for split, item in expected.items() if split == "test")
        labels = expected.read(item).label_map
        assert_array_equal(whole(project, "0_2.png"), labels)
        project.perform({**stroke(3, 1), "width": 3.0}, "0_2.png")
        project.perform({"type": "undo"}, "0_2.png")
        assert project.perform({"type": "undo"}, "0_2.png").nothing
        project.perform(stroke(3, 1), "0_2.png")
        corrected = project.folder.root
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    dataset = open_dataset(corrected)
    assert [item.name for item in dataset.splits["test"]] == ["0_2"]
    labels[3, 5:15] = 1
    assert_array_equal(dataset.read(dataset.splits["test"][0]).label_map, labels)


def test_objects_of_a_data_set_are_kept(tmp_path):
    from pixelwise_scenes import write_scenes

    write_scenes(tmp_path / "fruit", 0, {"train": 1}, (64, 96), "fruit")
    with open_project(tmp_path / "fruit") as project:
        name = project.images[0].name
        dataset = open_dataset(tmp_path / "fruit")
        _, item = next(iter(dataset.items()))
        expected = dataset.read(item)
        labels = project.labels(name)
        assert_array_equal(labels.label_map.read((0, 0, 64, 96)), expected.label_map)
        assert_array_equal(labels.instance_map.read((0, 0, 64, 96)), expected.instance_map)
        assert project.object_count(name) == expected.instance_map.max()


def test_classes_come_with_the_changes_that_led_to_them(tmp_path):
    """Another thread that asks between the two steps of an action sees neither of them or both."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    answers = []

    class Moves(list):
        def append(self, table):
            self.watcher = threading.Thread(target=lambda: answers.append(project.class_changes()))
            self.watcher.start()
            self.watcher.join(timeout=0.2)
            super().append(table)

    with open_project(tmp_path / "photos", classes=["a", "b", "c"]) as project:
        project.history.moves = moves = Moves()
        project.perform({"type": "class_delete", "class_index": 0})
        moves.watcher.join()
    ((classes, changes),) = answers
    assert (classes.names, len(changes)) in ((("a", "b", "c"), 0), (("b", "c"), 1))


@pytest.mark.parametrize(
    "line",
    [
        '{"number":2,"image":"a.png","type":"lasso"}',
        '{"number":2,"image":"a.png","type":"mark_test"}',
        '{"number":2,"image":"a.png","type":"redo","of":1}',
        '{"number":2,"image":"a.png","type":"undo","of":7}',
        '{"number":2,"image":null,"type":"stroke"}',
        '{"number":2,"image":null,"type":"class_delete","class_index":9}',
        '{"number":2,"image":null,"type":"class_recolor","class_index":0,"color":7}',
    ],
)
def test_action_that_cannot_be_is_told_with_its_line(photos, line):
    with open_project(photos) as project:
        project.perform(DOT, "a.png")
        journal, root = project.folder.journal, project.folder.root
    content = journal.read_text() + line + "\n"
    journal.write_text(content)
    with pytest.raises(DataError, match="a damaged line 2"):
        Project(root)
    assert journal.read_text() == content


def test_image_whose_actions_cannot_be_read_leaves_the_others_alone(photos):
    with open_project(photos) as project:
        project.perform(DOT, "a.png")
        project.perform(DOT, "b.png")
        root = project.folder.root
    journal = root / ".studio" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"width":1.0', '"width":"x"', 1))
    (root / "masks" / "a.png").unlink()
    with Project(root) as project:
        assert "a damaged line 1" in project.problems[0]
        assert project.counts("b.png") == {1: 1}
        project.perform(stroke(3, 1), "b.png")
        with pytest.raises(DataError, match="a damaged line 1"):
            project.flush()
        assert (mask_of(project, "b.png") != 255).sum() == 11
        with pytest.raises(DataError, match="a damaged line 1"):
            project.perform(DOT, "a.png")
        journal.write_text(journal.read_text().replace('"width":"x"', '"width":1.0', 1))
        project.flush()


def test_full_disk_after_a_change_of_classes_is_made_up_for(photos, monkeypatch):
    with open_project(photos, classes=["a", "b", "c"]) as project:
        project.perform(stroke(3, 2), "a.png")
        project.flush()
        with monkeypatch.context() as patch:
            patch.setattr(project_module, "write_class_list", refuse_to_write)
            project.perform({"type": "class_delete", "class_index": 0})
            assert project.counts("a.png") == {1: 10}
            with pytest.raises(OutputError):
                project.flush()
            with pytest.raises(DataError, match="the last change of the classes"):
                open_dataset(project.folder.root)
        project.flush()
        assert open_dataset(project.folder.root).classes.names == ("b", "c")
        assert (mask_of(project, "a.png")[3, 5:15] == 1).all()


def refuse_to_write(path, *_):
    raise OutputError(path, "no space", "some", "Free some.")


def test_masks_that_miss_a_change_of_classes_are_told_until_the_project_is_opened(photos, monkeypatch):
    project = open_project(photos, classes=["a", "b", "c"])
    project.perform(stroke(3, 2), "a.png")
    project.flush()
    monkeypatch.setattr(project, "flush", lambda: None)
    project.perform({"type": "class_merge", "from": 0, "into": 1})
    project.close()  # as killed
    root = project.folder.root
    with pytest.raises(DataError, match="open the project once with"):
        open_dataset(root)
    Project(root).close()
    assert open_dataset(root).classes.names == ("b", "c")


def test_mask_that_cannot_be_written_keeps_no_other_back(photos):
    with open_project(photos) as project:
        masks = project.folder.masks
        (masks / "a.png").mkdir(parents=True)
        for name in ("a.png", "b.png", "c.jpg"):
            project.perform(DOT, name)
        with pytest.raises(OutputError, match=r"a\.png"):
            project.flush()
        assert sorted(path.name for path in masks.glob("[bc].png")) == ["b.png", "c.png"]
        (masks / "a.png").rmdir()


def test_images_of_one_stem_do_not_share_a_mask(photos):
    with open_project(photos) as project:
        root = project.folder.root
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(root / "images" / "A.jpg")
    with Project(root) as project:
        assert [image.name for image in project.images] == ["A.jpg", "b.png", "c.jpg"]
        assert "one mask" in project.problems[0]


def test_edited_class_list_is_kept_and_told(photos):
    with open_project(photos) as project:
        project.perform({"type": "class_rename", "class_index": 1, "name": "cell"})
        root = project.folder.root
    text = (root / "classes.yaml").read_text()
    (root / "classes.yaml").write_text(text.replace("cell", "object"))  # as before: killed before it was written
    with Project(root) as project:
        assert project.problems == []
    (root / "classes.yaml").write_text(text.replace("cell", "nucleus"))
    with Project(root) as project:
        assert "changed outside" in project.problems[0]
    assert (root / "classes.yaml").read_text() == text
    assert "nucleus" in (root / ".studio" / "classes-edited.yaml").read_text()


def test_mask_changed_by_another_program_is_told(photos):
    with open_project(photos) as project:
        project.perform(DOT, "a.png")
        root = project.folder.root
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(root / "masks" / "a.png")
    with Project(root) as project:
        assert project.problems[0].startswith("a.png: its mask was changed")


def test_mask_changed_while_the_project_is_open_is_kept_and_told(photos):
    with open_project(photos) as project:
        project.perform(DOT, "a.png")
        project.flush()
        mask = project.mask_path("a.png")
        project.perform(DOT, "b.png")
        project.flush()
        assert project.problems == []
        edited = np.ones(SIZE, np.uint8)
        Image.fromarray(edited).save(mask)
        project.perform({**DOT, "class_index": 0}, "a.png")
        project.flush()
        (problem,) = project.problems
        assert "while the project was open" in problem
        (copy,) = (project.folder.studio / "edited" / "masks").iterdir()
        assert str(copy) in problem
        assert (np.asarray(Image.open(copy)) == edited).all()
        assert (np.asarray(Image.open(mask)) != edited).any()
        project.perform(DOT, "a.png")
        project.flush()
        assert len(project.problems) == 1


def test_data_set_with_a_damaged_class_list_is_no_folder_of_photos(photos):
    (photos / "classes.yaml").write_text("classes: [a, b\n")
    with pytest.raises(DataError, match="classes"):
        open_project(photos)
    assert not default_project(photos).exists()


def test_data_set_that_cannot_be_read_is_opened_as_images_with_a_remark(photos):
    (photos / "annotations.json").write_text('{"images": [], "annotations": [], "categories": 7}')
    with open_project(photos) as project:
        assert len(project.images) == 3
        assert "opened as images without labels" in project.problems[0]
        assert "annotations.json" in project.problems[0]


def test_project_whose_making_was_cut_off_is_made_anew(photos, monkeypatch):
    monkeypatch.setattr(project_files, "write_class_list", refuse_to_write)
    with pytest.raises(OutputError, match="no space"):
        open_project(photos)
    monkeypatch.undo()
    (photos / "b.png").unlink()
    with open_project(photos) as project:
        assert [image.name for image in project.images] == ["a.png", "c.jpg"]
    (project.folder.root / ".studio" / "settings.json").unlink()
    with pytest.raises(OutputError, match="not a project"):
        open_project(photos)


def test_polygon_that_cannot_be_filled_changes_nothing(photos, monkeypatch):
    monkeypatch.setattr(image_labels, "AT_ONCE", 1)
    with open_project(photos) as project:

        def fill_half(tile, points, class_index):
            tile[:10] = class_index
            raise OptionError("points", "too many crossings", "fewer", "Draw along the object.")

        monkeypatch.setattr(image_labels, "paint_polygon", fill_half)
        monkeypatch.setattr(image_labels, "SIDE", 20)
        polygon = {"type": "polygon", "points": [[0, 0], [30, 0], [30, 50]], "class_index": 1}
        with pytest.raises(OptionError):
            project.perform(polygon, "a.png")
        assert project.counts("a.png") == {}
        assert project.number == 0
