"""The picture: planes through the organs, the right way round, lengths that are true."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from deeplab_panns.outputs import preview
from deeplab_panns.outputs.organ_looks import organ_looks
from deeplab_panns.outputs.preview import draw, write_preview
from deeplab_panns.outputs.statistics import measure
from tests.deeplab_panns.outputs.segmented_files import BOXES, ORGANS, ORIENTATIONS, SHAPE, nifti_case


def test_the_picture_does_not_depend_on_the_files_orientation(tmp_path):
  pictures = []
  for codes in ("RAS", "LPS", *ORIENTATIONS[5:48:14]):
    case = nifti_case(tmp_path, codes)
    pictures.append(draw(case, measure(case)))
  assert all(np.array_equal(pictures[0], other) for other in pictures[1:])
  write_preview(tmp_path / "a.png", case, measure(case))
  np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), pictures[0])
  assert [path.name for path in tmp_path.glob("*.png")] == ["a.png"]


def test_planes_go_through_the_most_organs(tmp_path):
  """By the boxes: liver and kidney overlap in z = 2, no two of them in y or x but 3 and 1."""
  case = nifti_case(tmp_path)
  z, y, x = preview._richest(case.labels, len(ORGANS))
  assert len(set(np.unique(case.labels[z]))) == 3
  assert z in range(SHAPE[2]) and case.labels[:, y].any() and case.labels[:, :, x].any()
  empty = dataclasses.replace(case, labels=np.zeros_like(case.labels))
  assert preview._richest(empty.labels, 3) == tuple(size // 2 for size in case.labels.shape)
  assert draw(empty, measure(empty)).ndim == 3


def middle_of(picture, rgb):
  """(row, column) of the pixels that are nearest to a colour, as a share of the picture."""
  rows, columns = np.nonzero(np.abs(picture - np.array(rgb)).sum(axis=-1) < 40)
  return rows.mean() / picture.shape[0], columns.mean() / picture.shape[1]


def test_the_front_view_has_the_patients_right_on_its_left_and_the_head_at_its_top(tmp_path):
  case = nifti_case(tmp_path)
  front = preview._front_view(case, (1.25, 0.75, 2.5), 10.0).picture.astype(int)
  assert front.shape[:2] == (round(SHAPE[2] * 1.25 * 10), round(SHAPE[0] * 2.5 * 10))
  for value, look in enumerate(organ_looks(ORGANS)[:2], 1):
    (left, right), _, (low, high) = BOXES[value]
    row, column = middle_of(front, look.rgb)
    assert column == pytest.approx(1 - (left + right) / 2 / SHAPE[0], abs=0.1)  # x grows to the right
    assert row == pytest.approx(1 - (low + high) / 2 / SHAPE[2], abs=0.1)


def test_what_is_nearer_hides_what_is_behind(tmp_path):
  case = nifti_case(tmp_path)
  labels = np.zeros_like(case.labels)
  labels[:, 2], labels[:, 7] = 1, 2  # y grows to the back
  front = preview._front_view(dataclasses.replace(case, labels=labels), (1.25, 0.75, 2.5), 10.0).picture
  liver, kidney = (np.array(look.rgb) / 255 for look in organ_looks(ORGANS)[:2])
  middle = front[front.shape[0] // 2, front.shape[1] // 2] / 255
  assert np.abs(middle - liver * 1.1).max() < 0.1 < np.abs(middle - kidney * 1.1).max()


def test_long_names_and_many_organs_fit(tmp_path):
  organs = tuple(f"organ with a rather long name {number}" for number in range(60))
  case = dataclasses.replace(nifti_case(tmp_path, organs=organs), name="x" * 200)
  picture = draw(case, measure(case))
  assert 1300 < picture.shape[0] < 1600 and picture.shape[1] < 1500
