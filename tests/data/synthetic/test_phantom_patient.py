"""Patients before they are painted: seeded, within limits, and made of the mean anatomy's organs."""

import numpy as np
import pytest

from data.organs import BTCV_ORGANS
from data.synthetic.phantom_anatomy import ORGANS
from data.synthetic.phantom_patient import CONTRAST_HU, REMOVABLE, draw_patient, normal


def test_mean_anatomy_and_patients_name_the_same_organs():
  assert set(ORGANS) == set(BTCV_ORGANS)
  assert [placed.organ for placed in draw_patient(np.random.default_rng(0)).organs] == list(ORGANS)


def test_normal_is_clipped_at_two_deviations():
  drawn = normal(np.random.default_rng(0), 10_000)
  assert np.abs(drawn).max() == 2 and abs(drawn.mean()) < 0.05
  assert drawn.std() == pytest.approx(0.959, abs=0.02)  # clipping takes 4 % off


def test_a_patient_is_decided_by_the_generator():
  one, same, other = (draw_patient(np.random.default_rng(seed)) for seed in (3, 3, 4))
  assert one.hu == same.hu != other.hu and one.rib_phase == same.rib_phase
  np.testing.assert_array_equal(one.organs[0].centre_mm, same.organs[0].centre_mm)


def test_organs_are_turned_and_scaled_but_not_sheared():
  """Without its scale, `turn` is a rotation: it keeps lengths and right angles."""
  for placed in draw_patient(np.random.default_rng(1)).organs:
    rotation = placed.turn / np.linalg.norm(placed.turn, axis=1, keepdims=True)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) > 0


def test_contrast_medium_runs_from_almost_none_to_a_strong_bolus():
  """An aorta without contrast medium has about 40 HU; the arterial phase of a full bolus gives 285."""
  contrasts = [draw_patient(np.random.default_rng(seed)).hu for seed in range(40)]
  aortas = [hu["aorta"] for hu in contrasts]
  assert min(aortas) < 150 and max(aortas) > 250 and set(contrasts[0]) == set(CONTRAST_HU)


def drawn(seed=5, **options):
  return draw_patient(np.random.default_rng(seed), **options)


def test_organs_of_a_displaced_patient_lie_so_much_further_from_their_mean_place():
  one, twice = drawn(), drawn(displacement=2.0)
  np.testing.assert_allclose(twice.shift_mm, 2 * one.shift_mm)
  for ours, theirs in zip(one.organs, twice.organs):
    np.testing.assert_allclose(theirs.centre_mm - theirs.pivot_mm, 2 * (ours.centre_mm - ours.pivot_mm))
    for turn in (ours.turn, theirs.turn):  # of the same size
      np.testing.assert_allclose(np.linalg.norm(turn, axis=1), np.linalg.norm(ours.turn, axis=1))
  assert one.hu == twice.hu and one.rib_phase == twice.rib_phase
  np.testing.assert_array_equal(drawn(displacement=0.0).organs[0].centre_mm, one.organs[0].pivot_mm)


def test_an_absent_organ_is_all_that_is_missing_of_a_patient():
  whole, without = drawn(), drawn(absence=1.0)
  assert [placed.organ for placed in without.organs] == [o for o in ORGANS if o not in REMOVABLE]
  assert without.hu == whole.hu and without.grain_noise_hu == whole.grain_noise_hu
  kept = {placed.organ: placed.centre_mm for placed in whole.organs}
  for placed in without.organs:
    np.testing.assert_array_equal(placed.centre_mm, kept[placed.organ])


@pytest.mark.slow
def test_organs_are_absent_as_often_as_asked():
  lacking = sum(13 - len(drawn(seed, absence=0.2).organs) for seed in range(150))
  assert 60 < lacking < 120  # 90 of 450, deviation 8.5
