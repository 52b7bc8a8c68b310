"""Which names say image and organ, and which do not."""

import pytest

from data.manifest.organ_masks import organ_masks
from data.manifest.paired import volumes_in
from tests.data.manifest.test_paired import files


def found(tmp_path, images, labels):
  """{image: {organ: label}}, relative to their folders."""
  folders = files(tmp_path / "i", *images), files(tmp_path / "l", *labels)
  masks = organ_masks(folders[0], volumes_in(folders[0]).volumes, folders[1], volumes_in(folders[1]).volumes)
  return masks and {
    str(image.relative_to(folders[0])): {
      organ: str(label.relative_to(folders[1])) for organ, label in of_image.items()
    }
    for image, of_image in masks.items()
  }


@pytest.mark.parametrize("image", ["p{}.nii.gz", "p{}/ct.nii.gz"])
@pytest.mark.parametrize(
  "label", ["p{}/{}.nii.gz", "p{}/segmentations/{}.nii.gz", "{1}/p{0}.nii.gz", "p{}_{}.nii.gz", "p{}-{}.nrrd"]
)
def test_names_that_say_both(tmp_path, image, label):
  labels = [label.format(number, organ) for number in (1, 2) for organ in ("liver", "kidney_left")]
  assert found(tmp_path, map(image.format, (1, 2, 3)), labels) == {
    image.format(number): {organ: label.format(number, organ) for organ in ("liver", "kidney_left")}
    for number in (1, 2)
  }


def test_one_scan_may_have_every_organ_once(tmp_path):
  assert found(tmp_path, ["a.nii"], ["a_liver.nii", "a_spleen.nii"]) == {
    "a.nii": {"liver": "a_liver.nii", "spleen": "a_spleen.nii"}
  }


@pytest.mark.parametrize(
  "images, labels",
  [
    (["a.nii", "b.nii"], ["a_liver.nii", "b_liver.nii"]),  # one word may say anything
    (["a.nii", "b.nii"], ["a_x.nii", "b_y.nii"]),  # no word comes back
    (["a.nii", "b.nii"], ["a/liver.nii", "a/spleen.nii", "c/liver.nii"]),  # an image that is not there
    (["a.nii", "a_b.nii"], ["a_b_liver.nii", "a_b_spleen.nii", "a_liver.nii"]),  # of a, or of a_b?
    (["a.nii"], ["a_1.nii", "a_2.nii"]),  # no words
    (["a.nii"], ["a/liver.nii", "a/x/liver.nii"]),  # an organ twice
  ],
)
def test_names_that_leave_it_open(tmp_path, images, labels):
  assert found(tmp_path, images, labels) is None
