"""Volumes, brightness and place of organs, against numbers by hand."""

import csv
import dataclasses
import io

import numpy as np
import pytest

from deeplab_panns.outputs.statistics import as_json, measure, volumes_csv
from tests.deeplab_panns.outputs.segmented_files import (
  BOXES,
  ORGANS,
  ORIENTATIONS,
  centroids_ras,
  hu_ras,
  nifti_case,
)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "IPR", "SLA", *ORIENTATIONS[::7]])
def test_measurements_do_not_depend_on_the_orientation(tmp_path, codes):
  found = measure(nifti_case(tmp_path, codes))
  assert list(found) == list(ORGANS)
  assert found["liver"].voxels == 4 * 2 * 2 and found["liver"].volume_ml == round(16 * 2.34375 / 1000, 4)
  for value, organ in enumerate(ORGANS, 1):
    box = tuple(slice(*side) for side in BOXES[value])
    assert found[organ].mean_hu == pytest.approx(hu_ras()[box].mean(), abs=0.01)
    assert found[organ].centroid_ras_mm == pytest.approx(centroids_ras()[organ], abs=1e-3)


def test_an_organ_at_the_edge_is_told_of_on_each_of_the_six_sides(tmp_path):
  case = nifti_case(tmp_path)
  found = measure(case)
  assert {organ: one.touches_edge for organ, one in found.items()} == {
    "liver": False,
    "left kidney": False,
    "duodenum": True,  # in the lowest slice
  }
  for axis in range(3):
    for end in (0, -1):
      labels = np.zeros_like(case.labels)
      at = [size // 2 for size in labels.shape]
      at[axis] = end
      labels[tuple(at)] = 1
      found = measure(dataclasses.replace(case, labels=labels))
      assert found["liver"].touches_edge and not found["duodenum"].touches_edge


def test_an_organ_that_is_not_there_has_no_mean_and_no_place(tmp_path):
  found = measure(nifti_case(tmp_path, organs=(*ORGANS, "spleen")))["spleen"]
  assert (found.voxels, found.volume_ml, found.mean_hu, found.centroid_ras_mm) == (0, 0, None, None)


def test_the_table_has_a_row_for_each_organ_of_each_case(tmp_path):
  organs = (*ORGANS, "spleen")
  measured = as_json(measure(nifti_case(tmp_path, organs=organs)))
  rows = list(csv.DictReader(io.StringIO(volumes_csv({"a": measured, "b": measured}, organs))))
  assert [(row["case"], row["organ"], row["label"]) for row in rows[3:5]] == [
    ("a", "spleen", "4"),
    ("b", "liver", "1"),
  ]
  assert rows[3]["mean_hu"] == rows[3]["centroid_x_ras_mm"] == "" and rows[3]["voxels"] == "0"
  assert float(rows[4]["centroid_z_ras_mm"]) == pytest.approx(centroids_ras()["liver"][2], abs=1e-3)
