"""WORD: kidneys the other way round, both adrenals in one value that counts nowhere, qform alone."""

import nibabel
import numpy as np

from data.organs import IGNORE
from tests.data.layouts.raw_files import ID, canonical, labels, of, phantom, prepare, scan

# As its README counts them, up to the duodenum.
NAMES = "liver, spleen, left kidney, right kidney, stomach, gallbladder, esophagus, pancreas"
VALUES = {value: name.strip() for value, name in enumerate(NAMES.split(","), 1)}


def test_adrenals_are_left_open(tmp_path):
  adrenals = np.isin(phantom().label, [ID["aorta"]])  # the phantom's own are of a voxel or two
  label = of(VALUES.values(), 0, VALUES)
  label[adrenals] = 12
  label[0][label[0] == 0] = 10
  scan(tmp_path / "imagesTr" / "word_0002.nii.gz", axes="LPS")
  path = labels(tmp_path / "labelsTr" / "word_0002.nii.gz", label, axes="LPS", dtype=np.uint16)
  image = nibabel.load(path)
  image.header.set_qform(image.affine, 1)
  image.header.set_sform(image.affine, 0)
  image.to_filename(path)
  scan(tmp_path / "imagesVal" / "word_0001.nii.gz", 1)
  labels(tmp_path / "labelsVal" / "word_0001.nii.gz", of(VALUES.values(), 1, VALUES), 1)
  cases, manifest = prepare("word", tmp_path, tmp_path)
  expected = canonical(np.where(adrenals, IGNORE, of(VALUES.values())))
  np.testing.assert_array_equal(cases["word_0002"].label(), expected)
  assert (expected == IGNORE).any() and "aorta" not in cases["word_0002"].annotated
  assert any("1 cases that the data set holds out" in note for note in manifest.notes)
