"""FLARE22: scans with a channel in their name, an order of its own, and two thousand scans without labels."""

from tests.data.layouts.raw_files import assert_phantom, labels, of, prepare, scan

# As the challenge's page counts them; 12 is the duodenum.
NAMES = """liver, right kidney, spleen, pancreas, aorta, inferior vena cava, right adrenal gland,
  left adrenal gland, gallbladder, esophagus, stomach, -, left kidney"""
VALUES = {value: name.strip() for value, name in enumerate(NAMES.split(","), 1) if name.strip() != "-"}


def test_values_in_its_own_order(tmp_path):
  label = of(VALUES.values(), 0, VALUES)
  label[0][label[0] == 0] = 12  # a duodenum
  scan(tmp_path / "images" / "FLARE22_Tr_0001_0000.nii.gz")
  labels(tmp_path / "labels" / "FLARE22_Tr_0001.nii.gz", label)
  scan(tmp_path / "unlabeled" / "Case_00001_0000.nii.gz")
  cases, manifest = prepare("flare22", tmp_path, tmp_path)
  assert_phantom(cases["flare22_0001"], VALUES.values())
  assert any("Case_00001_0000.nii.gz" in note for note in manifest.notes)
