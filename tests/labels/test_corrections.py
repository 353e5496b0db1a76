"""Predictions accepted, regions filled, and objects made and corrected, on maps that are checked by eye."""

from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from pixelwise.core.errors import OptionError
from pixelwise.labels.corrections import Corrector
from pixelwise.labels.project import Project, open_project

SIZE = (12, 20)
WHOLE = (0, 0, *SIZE)
NAME = "a.png"


class Shown:
    """A prediction, sure everywhere."""

    def __init__(self, label_map):
        self.label_map = label_map
        self.uncertainty = np.zeros(label_map.shape, np.uint8)

    def read(self, box_tlbr):
        top, left, bottom, right = box_tlbr
        return self.label_map[top:bottom, left:right], self.uncertainty[top:bottom, left:right]


class Known(Shown):
    """A prediction: class 1 in two blobs joined by a bridge, class 0 elsewhere; unsure in the right half."""

    def __init__(self):
        super().__init__(np.zeros(SIZE, np.uint8))
        self.label_map[2:9, 2:8] = self.label_map[2:9, 11:17] = 1
        self.label_map[5, 8:11] = 1
        self.uncertainty[:, 10:] = 200


class Dark:
    def read(self, box_tlbr):
        return np.zeros((box_tlbr[2] - box_tlbr[0], box_tlbr[3] - box_tlbr[1], 3), np.uint8)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "photos" / NAME)
    with open_project(tmp_path / "photos", classes=["background", "cell", "other"]) as project:
        yield project


@pytest.fixture
def perform(project):
    corrector = Corrector(Dark(), Known(), project.classes)

    def perform(**action):
        return project.perform(action, NAME, resolve=corrector.resolve)

    return perform


@contextmanager
def cells(folder, predicted):
    """A project of a dark image with the classes background, cell and border, and what does actions there."""
    (folder / "photos").mkdir()
    Image.fromarray(np.zeros((*predicted.shape, 3), np.uint8)).save(folder / "photos" / NAME)
    with open_project(folder / "photos", classes=["background", "cell", "border"]) as project:
        corrector = Corrector(Dark(), Shown(predicted), project.classes)
        yield project, partial(project.perform, image=NAME, resolve=corrector.resolve)


def label_map(project):
    return project.labels(NAME).label_map.read(WHOLE)


def objects(project):
    return project.labels(NAME).instance_map.read(WHOLE)


def dot(row, column, class_index, width=1.0):
    points = [[row + 0.5, column + 0.5]]
    return {"type": "stroke", "points": points, "width": width, "class_index": class_index}


def test_accepted_prediction_fills_what_has_no_label(project, perform):
    perform(**dot(3, 3, 2))
    outcome = perform(type="accept", whole=True)
    expected = Known().label_map
    expected[3, 3] = 2
    assert_array_equal(label_map(project), expected)
    assert outcome.changed_box_tlbr == WHOLE
    perform(type="undo")
    assert (label_map(project) != 255).sum() == 1
    assert perform(type="redo").number == 4
    assert_array_equal(label_map(project), expected)
    assert perform(type="accept", whole=True).nothing


def test_only_what_is_sure_is_accepted(project, perform):
    perform(type="accept", whole=True, only_sure=True)
    expected = Known().label_map
    expected[:, 10:] = 255
    assert_array_equal(label_map(project), expected)


def test_box_and_region_are_accepted(project, perform):
    perform(type="accept", box_tlbr=[0, 0, 3, 4])
    expected = np.full(SIZE, 255, np.uint8)
    expected[:3, :4] = Known().label_map[:3, :4]
    assert_array_equal(label_map(project), expected)
    perform(type="accept", point=[5.5, 9.5])
    expected[Known().label_map == 1] = 1
    assert_array_equal(label_map(project), expected)


def test_fill_follows_prediction_superpixel_or_labels(project, perform):
    perform(type="fill", point=[5.5, 9.5], class_index=2, of="prediction")
    assert_array_equal(label_map(project) == 2, Known().label_map == 1)
    perform(type="fill", point=[5.5, 9.5], class_index=1, of="labels")
    assert_array_equal(label_map(project) == 1, Known().label_map == 1)
    perform(type="fill", point=[0.5, 0.5], class_index=0, of="labels")
    assert_array_equal(label_map(project), Known().label_map)


def test_superpixel_ends_at_the_edge_of_the_picture(tmp_path):
    (tmp_path / "photos").mkdir()
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, 50:] = 250
    Image.fromarray(picture).save(tmp_path / "photos" / NAME)

    class Halves:
        def read(self, box_tlbr):
            return picture[box_tlbr[0] : box_tlbr[2], box_tlbr[1] : box_tlbr[3]]

    with open_project(tmp_path / "photos") as project:
        corrector = Corrector(Halves(), None, project.classes)
        action = {"type": "fill", "point": [30.5, 51.5], "class_index": 1, "of": "superpixel"}
        project.perform(action, NAME, resolve=corrector.resolve)
        filled = project.labels(NAME).label_map.read((0, 0, 64, 96)) == 1
    assert filled[30, 51]
    assert not filled[:, :50].any()
    assert 50 <= filled.sum() <= 16 * 16 * 4


def test_what_was_accepted_does_not_change_with_the_model(project, perform):
    perform(type="accept", whole=True)
    expected = label_map(project)
    root = project.folder.root
    project.close()
    (root / "masks" / NAME).unlink()
    with Project(root) as again:
        assert_array_equal(label_map(again), expected)


def test_region_becomes_an_object_and_is_removed(project, perform):
    perform(type="polygon", points=[[1, 1], [1, 5], [4, 5], [4, 1]], class_index=1)
    perform(type="object_add", point=[2.5, 2.5])
    expected = np.zeros(SIZE, np.int32)
    expected[1:4, 1:5] = 1
    assert_array_equal(objects(project), expected)
    with pytest.raises(OptionError, match="an object already"):
        perform(type="object_add", point=[2.5, 2.5])
    with pytest.raises(OptionError, match="without a label"):
        perform(type="object_add", point=[8.5, 8.5])
    perform(type="object_delete", object_id=1)
    assert not objects(project).any()
    assert (label_map(project) == 255).all()  # a false object teaches nothing
    perform(type="undo")
    assert_array_equal(objects(project), expected)
    assert (label_map(project) == 1).sum() == 12
    project.store.forget(NAME)
    assert_array_equal(objects(project), expected)  # from the journal, too
    assert (label_map(project) == 1).sum() == 12
    perform(type="redo")
    project.store.forget(NAME)
    assert (label_map(project) == 255).all()
    perform(type="undo")
    perform(type="stroke", points=[[2.5, 2.5]], width=1, class_index=0)  # what a person called background
    perform(type="object_delete", object_id=1)
    assert np.argwhere(label_map(project) != 255).tolist() == [[2, 2]]
    assert label_map(project)[2, 2] == 0
    perform(type="undo")
    perform(type="clean", class_index=0)
    perform(type="object_delete", object_id=1)
    assert not label_map(project).any()  # of a complete image it is background
    assert not objects(project).any()
    with pytest.raises(OptionError):
        perform(type="object_delete", object_id=1)


def test_an_added_object_has_what_touches_its_region_at_a_corner(project, perform):
    perform(type="polygon", points=[[1, 1], [1, 5], [4, 5], [4, 1]], class_index=1)
    perform(**dot(4, 5, 1))  # at the lower right corner
    perform(**dot(6, 6, 1))  # apart
    perform(type="object_add", point=[2.5, 2.5])
    expected = np.zeros(SIZE, np.int32)
    expected[1:4, 1:5] = expected[4, 5] = 1
    assert_array_equal(objects(project), expected)


def test_proposed_objects_part_at_their_waist_and_are_labelled(project, perform):
    perform(**dot(3, 3, 2))
    for column, number in ((4.5, 1), (14.5, 2)):
        perform(type="object_accept", point=[4.5, column])
        assert objects(project)[4, int(column)] == number
    found = objects(project)
    assert {found[4, 4], found[4, 14]} == {1, 2}
    assert_array_equal(found > 0, (Known().label_map == 1) & ~label_map_of_dot(3, 3))  # a person called it other
    labels = label_map(project)
    assert labels[3, 3] == 2
    assert ((labels == 1) | (labels == 2))[found > 0].all()
    with pytest.raises(OptionError, match="'background' at this point"):
        perform(type="object_accept", point=[0.5, 0.5])


def test_all_proposed_objects_are_accepted_but_for_those_that_are_there(project, perform):
    perform(**dot(3, 3, 2))
    perform(type="object_accept", point=[4.5, 4.5])
    before = objects(project)
    perform(type="object_accept_all", whole=True)
    after = objects(project)
    assert_array_equal(after[before > 0], before[before > 0])
    assert_array_equal(after > 0, (Known().label_map == 1) & ~label_map_of_dot(3, 3))
    assert set(np.unique(after)) == {0, 1, 2}
    assert_array_equal(label_map(project) == 2, label_map_of_dot(3, 3))
    assert_array_equal(label_map(project) == 1, after > 0)
    with pytest.raises(OptionError, match="no new object"):
        perform(type="object_accept_all", whole=True)
    perform(type="undo")
    assert_array_equal(objects(project), before)


def label_map_of_dot(row, column):
    expected = np.zeros(SIZE, bool)
    expected[row, column] = True
    return expected


def test_objects_that_a_box_cuts_are_left_out(project, perform):
    perform(type="object_accept_all", box_tlbr=[0, 0, 12, 14])
    assert objects(project)[4, 4] == 1
    assert not objects(project)[:, 11:].any()
    with pytest.raises(OptionError, match="none or both"):
        perform(type="object_accept_all")


def test_a_border_parts_objects_and_is_part_of_them(tmp_path):
    """Two cells and their rims; a third is so small that it is all rim. One class of objects owns them all."""
    predicted = np.zeros((40, 60), np.uint8)
    for rows, columns in ((slice(5, 20), slice(5, 20)), (slice(5, 20), slice(20, 35))):
        predicted[rows, columns] = 2
        predicted[rows.start + 2 : rows.stop - 2, columns.start + 2 : columns.stop - 2] = 1
    predicted[30:34, 40:45] = 2
    with cells(tmp_path, predicted) as (project, perform):
        perform({"type": "object_accept", "point": [31.5, 42.5]})  # on its rim, of which it has nothing else
        perform({"type": "object_accept_all", "whole": True})
        instance_map = project.labels(NAME).instance_map.read((0, 0, 40, 60))
        labels = project.labels(NAME).label_map.read((0, 0, 40, 60))
    assert_array_equal(instance_map > 0, predicted > 0)
    assert len(np.unique(instance_map[5:20, 5:20])) == len(np.unique(instance_map[5:20, 20:35])) == 1
    assert_array_equal(np.unique(instance_map), [0, 1, 2, 3])
    assert_array_equal(labels == 1, predicted > 0)  # the rim of a cell is cell


def test_objects_are_split_and_merged(project, perform):
    perform(type="polygon", points=[[2, 0], [2, 20], [6, 20], [6, 0]], class_index=1)
    perform(type="object_add", point=[3.5, 3.5])
    perform(type="object_split", points=[[3.5, 2.5], [3.5, 17.5]])
    parts = objects(project)
    assert (parts[2:6] > 0).all()
    assert parts[3, 2] == 1
    assert parts[3, 17] == 2
    assert (parts[2:6] == 1).sum(axis=1).tolist() == [10] * 4  # up to the middle between the points, column 9.5
    with pytest.raises(OptionError, match="several objects"):
        perform(type="object_split", points=[[3.5, 2.5], [3.5, 17.5]])
    perform(type="object_merge", ids=[2, 1])
    assert set(np.unique(objects(project))) == {0, 1}
    perform(type="undo")
    assert_array_equal(objects(project), parts)


def test_drawn_borders_count_in_a_test_image_and_between_accepted_objects(tmp_path):
    predicted = np.zeros(SIZE, np.uint8)
    predicted[2:10, 1:19] = 1
    with cells(tmp_path, predicted) as (project, perform):
        perform({"type": "mark_test", "value": True})
        perform({"type": "stroke", "points": [[0.0, 7.0], [12.0, 7.0]], "width": 2, "class_index": 2})
        perform({"type": "stroke", "points": [[0.0, 13.0], [12.0, 13.0]], "width": 2, "class_index": 2})
        perform({"type": "object_accept", "point": [5.5, 3.5]})
        perform({"type": "object_accept_all", "whole": True})
        found = objects(project)
    assert_array_equal(found > 0, predicted == 1)
    assert len({found[5, 3], found[5, 10], found[5, 16]}) == 3
    for columns in (slice(1, 6), slice(8, 12), slice(14, 19)):
        assert len(np.unique(found[2:10, columns])) == 1


def test_a_split_follows_a_drawn_border_before_a_predicted_one(tmp_path):
    predicted = np.ones(SIZE, np.uint8)
    predicted[:, 12] = 2
    with cells(tmp_path, predicted) as (project, perform):
        perform({"type": "polygon", "points": [[1, 1], [1, 19], [11, 19], [11, 1]], "class_index": 1})
        perform({"type": "object_add", "point": [5.5, 5.5]})
        split = {"type": "object_split", "points": [[5.5, 2.5], [5.5, 17.5]]}
        perform(split)
        assert set(objects(project)[5, 1:12]) == {1}
        assert set(objects(project)[5, 13:19]) == {2}
        perform({"type": "undo"})
        perform({"type": "stroke", "points": [[0.0, 6.5], [12.0, 6.5]], "width": 1, "class_index": 2})
        perform(split)
        assert set(objects(project)[5, 1:6]) == {1}
        assert set(objects(project)[5, 7:19]) == {2}


def test_without_a_prediction_it_is_told(project):
    nothing = Corrector(Dark(), None, project.classes)
    for action in (
        {"type": "accept", "whole": True},
        {"type": "object_accept", "point": [1, 1]},
        {"type": "object_accept_all", "whole": True},
    ):
        with pytest.raises(OptionError, match="no prediction here yet"):
            project.perform(action, NAME, resolve=nothing.resolve)
    assert project.number == 0
    assert not list(project.folder.regions.glob("*"))


def test_region_of_an_action_that_was_cut_off_is_removed(project, perform):
    perform(type="accept", whole=True)
    root = project.folder.root
    project.close()
    (root / ".studio" / "regions" / "stray.zip").write_bytes(b"half")
    with Project(root) as again:
        assert len(list(again.folder.regions.iterdir())) == 1
