"""Volumes that are no CT in HU are recognised, and real and synthetic CT is not."""

import numpy as np
import pytest

from data.formats.grid import FileGrid
from data.reading import volumes
from data.reading.plausible_ct import doubts
from tests.conftest import make_case


def volume(array, spacing_mm=(3.0, 3.0, 3.0)):
  z, y, x = spacing_mm
  grid = FileGrid(array.shape[::-1], np.diag([-x, -y, z, 1.0]))
  return volumes.Volume(array.astype(np.float32), grid.canonical_affine, grid, "scan.nii.gz")


def body_hu(noise=15):
  """A body of 300 x 216 mm in air, with fat, liver, gas and a vertebra."""
  hu = np.full((8, 96, 120), -1000, np.float32)
  hu[:, 12:84, 10:110] = -100
  hu[:, 16:80, 14:106] = 40
  hu[:, 20:50, 20:60] = 110
  hu[:, 30:36, 70:90] = -900
  hu[:, 66:76, 54:66] = 400
  return np.rint(hu + np.random.default_rng(0).normal(0, noise, hu.shape))


def only(found):
  (doubt,) = found
  assert doubt.line.startswith("scan.nii.gz: ") and len(doubt.line) <= 300 and "\n" not in doubt.line
  return doubt


@pytest.mark.parametrize("noise", [0, 15, 60])
def test_a_ct_in_hu_is_not_doubted(noise):
  assert doubts(volume(body_hu(noise))) == []


def test_padding_and_metal_are_not_doubted():
  hu = body_hu()
  hu[:, :5], hu[:, 40:42, 40:42] = -3024, 20_000
  assert doubts(volume(hu)) == []


WRONG = {
  "HU + 1024": lambda hu: np.maximum(hu + 1024, 0),
  "HU + 32768": lambda hu: hu + 32768,
  "normalised": lambda hu: np.clip((hu + 1000) / 1400, 0, 1),
  "attenuation": lambda hu: 0.02 * (1 + hu / 1000),
  "8 bits": lambda hu: np.rint(np.clip((hu + 160) / 400, 0, 1) * 255),
  "MR": lambda hu: np.maximum(hu + 160, 0),
}


@pytest.mark.parametrize("words", WRONG)
def test_other_values_are_recognised_for_certain(words):
  doubt = only(doubts(volume(WRONG[words](body_hu()))))
  assert doubt.certain and words in doubt.line and "-1000" in doubt.line and "--assume_hu" in doubt.line


def test_a_lost_intercept_is_recognised_beside_padding():
  hu = body_hu() + 1024
  hu[:, :5] = -2000
  assert (
    "values run from -2000 to " in only(doubts(volume(hu))).line
    and "HU + 1024" in only(doubts(volume(hu))).line
  )


@pytest.mark.parametrize("values", [(1, 2, 3), (7, 255, 300), (1, 1, 1), (255, 255, 255)])
def test_a_label_map_is_named(values):
  labels = np.zeros((8, 60, 60))
  for n, value in enumerate(values):
    labels[:, 20 * n : 20 * n + 15, 10:50] = value
  doubt = only(doubts(volume(labels)))
  assert doubt.certain and "label map" in doubt.line and f"from 0 to {max(values)};" in doubt.line


@pytest.mark.parametrize(
  "array, words",
  [
    (np.full((3, 50, 50), 40.0), "alike"),
    (np.clip(body_hu(), -125, 275), "no air"),
    (np.clip(body_hu(), -500, 500), "no air"),
    (body_hu() / 2, "no air"),  # half the rescale slope
    (np.random.default_rng(0).normal(60, 12, (4, 20, 20)), "no air"),  # within a liver
    (np.random.default_rng(0).normal(-900, 30, (4, 20, 20)), "soft tissue"),  # within a lung
  ],
)
def test_what_may_be_a_part_of_a_ct_is_not_certain(array, words):
  found = doubts(volume(array))
  assert words in found[0].line and not any(doubt.certain for doubt in found)


@pytest.mark.parametrize(
  "factor, measured", [(0.5, "150 x 108 mm"), (3, "900 x 648 mm"), (0.1, "30 x 22 mm"), (0.05, "15 x 11 mm")]
)
def test_a_body_of_the_wrong_size(factor, measured):
  doubt = only(doubts(volume(body_hu(), (3.0, 3.0 * factor, 3.0 * factor))))
  assert not doubt.certain and measured in doubt.line and "spacing in the header" in doubt.line


def with_part(change, part):
  hu = body_hu()
  hu[part] = change(hu[part])
  return hu


@pytest.mark.parametrize(
  "hu, words",
  [
    (
      with_part(lambda hu: hu + 1024, np.s_[3:5]),
      "2 of 8 slices, counted from the feet from 0 on, have no air",
    ),
    (with_part(lambda hu: 0 * hu, np.s_[:, :, :9]), "are exactly 0 HU beside air"),
    (2 * body_hu(), "lie below -1200 (HU times a factor?)"),
  ],
)
def test_values_that_are_no_hu_in_a_part_or_by_a_factor_are_told(hu, words):
  doubt = only(doubts(volume(hu)))
  assert words in doubt.line and not doubt.certain


def test_a_cropped_body_and_slices_within_it_are_not_doubted_for_their_air():
  hu = body_hu()
  hu = np.concatenate([hu, hu])
  assert doubts(volume(hu[:, 12:84, 10:110])) == []
  hu[:7, 30:36, 70:90] = 40  # the lower slices of a box hold no gas, and the upper ones lung
  hu[7:, 20:70, 20:100] = -850
  assert doubts(volume(hu[:, 12:84, 10:110])) == []


def test_slices_that_were_lost_are_told():
  hu = body_hu()
  hu[3], hu[5] = 0, -1024
  doubt = only(doubts(volume(hu)))
  assert not doubt.certain and "2 of 8 slices" in doubt.line and "(3, 5)" in doubt.line


def test_a_cropped_body_is_not_too_small():
  assert doubts(volume(body_hu()[:, 25:60, 50:85])) == []


@pytest.mark.slow
def test_test_cases_and_real_ct_are_never_certain(real_ct):
  image, _ = make_case(np.random.default_rng(0))
  assert not any(doubt.certain for doubt in doubts(volume(image, (3.0, 2.0, 2.0))))
  for name in ("ts_ct.nii.gz", "ts_dicom", "ts_aorta_crop.nii.gz", "dcmqi_liver"):
    assert doubts(volumes.read_image(real_ct / name)) == []


@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 64, 1), (1, 64, 64), (2, 2, 2)])
def test_volumes_of_any_size(shape):
  found = doubts(volume(np.random.default_rng(0).integers(-200, 300, shape)))
  assert not any(doubt.certain for doubt in found)
