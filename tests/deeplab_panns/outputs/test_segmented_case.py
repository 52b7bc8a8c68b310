"""Labels in the order of the scan's file."""

import numpy as np
import pytest

from tests.deeplab_panns.outputs import segmented_files
from tests.deeplab_panns.outputs.segmented_files import ORIENTATIONS, nifti_case


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_stored_labels_lie_as_the_file_has_its_voxels(tmp_path, codes):
  case = nifti_case(tmp_path, codes)
  stored, _ = segmented_files.turned(segmented_files.labels_ras(), codes)
  np.testing.assert_array_equal(case.stored, stored.T)


def test_looks_follow_the_organ_list(tmp_path):
  assert [look.name for look in nifti_case(tmp_path).looks] == list(segmented_files.ORGANS)
