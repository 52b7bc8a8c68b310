"""Which files a case gets, and what they are called."""

import pytest

from data.input_error import InputError
from deeplab_panns.outputs.made_by import MadeBy
from deeplab_panns.prediction.case_outputs import WantedOutputs, write_case
from tests.deeplab_panns.outputs.segmented_files import ORGANS, centroids_ras, nifti_case


def test_names_are_those_that_are_written(tmp_path):
  case = nifti_case(tmp_path)
  wanted = WantedOutputs(("nifti", "nrrd"), masks=True)
  (tmp_path / "out").mkdir()
  measured = write_case(case, tmp_path / "out", wanted, MadeBy())
  written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
  assert written == {*wanted.names("case"), *wanted.names_by_organ("case", ORGANS)}
  assert measured["liver"].centroid_ras_mm == pytest.approx(centroids_ras()["liver"], abs=1e-3)


@pytest.mark.parametrize("formats", [(), ("nii",), ("nifti", "nifti"), ("nifti", "")])
def test_formats_are_known_and_named_once(formats):
  with pytest.raises(InputError, match=r"^--output_format=.*: one or several of nifti, nrrd, dicom_seg"):
    WantedOutputs(formats)


def test_a_type_of_dicom_seg_is_not_taken_for_other_formats():
  with pytest.raises(InputError, match="--seg_type=labelmap: is one of DICOM SEG"):
    WantedOutputs(("nifti", "rtstruct"), seg_type="labelmap")


def test_organs_whose_files_would_have_one_name_are_refused_where_there_are_such_files():
  organs = ("a b", "A_b", "liver/tumour", "spleen")
  WantedOutputs().require_distinct(organs)
  with pytest.raises(InputError, match=r"files of the organs a b, A_b would have one name;"):
    WantedOutputs(masks=True).require_distinct(organs)
