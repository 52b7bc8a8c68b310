"""The cause that the advice names is the one that was made."""

import dataclasses
import re

import numpy as np
import pytest

from deeplab_panns.prior_check import check
from deeplab_panns.prior_check.share_agreement import FAILS
from tests.deeplab_panns.prior_check.patients import case, checked, patients, verdicts


def test_a_longer_scan_is_a_field_of_view():
  rng = np.random.default_rng(1)
  full, partial = patients(rng, 24), patients(rng, 12, ("liver",), depth=300)
  found = verdicts(full, partial)["liver", "liver"]
  assert (
    found.verdict == FAILS
    and found.ratio == pytest.approx(1 / 3, rel=0.2)
    and found.volume_ratio == pytest.approx(1, rel=0.2)
  )
  line, _ = check.disagreements(*checked(full, partial))
  assert (
    "'liver' (12 cases)" in line
    and "cover 300 x 100 x 100 mm" in line
    and "crop both" in line
    and "\n" not in line
  )


def test_larger_organs_are_no_field_of_view():
  rng = np.random.default_rng(2)
  full, partial = patients(rng, 24), patients(rng, 12, ("spleen",), scale=2.5)
  line, _ = check.disagreements(*checked(full, partial))
  assert re.search(r"spleen 2\.[3-7] times the volume", line)
  assert "cropping will not help" in line and "annotate some of these cases in full" in line


def test_shorter_scans_may_cut_organs_off():
  rng = np.random.default_rng(2)
  full, partial = patients(rng, 24), patients(rng, 12, ("spleen",), scale=0.1, depth=60)
  line, _ = check.disagreements(*checked(full, partial))
  assert (
    "60 x 100 x 100 mm" in line
    and "may end within the organs (spleen 0." in line
    and "--partial_loss=marginal" in line
  )


def test_an_organ_that_no_case_shows_is_a_mistake_in_the_manifest():
  rng = np.random.default_rng(6)
  empty = [case(f"e{number}", ("spleen",)) for number in range(5)]
  line, _ = check.disagreements(*checked(patients(rng, 24), empty))
  assert "spleen 0 times q" in line and 'correct "annotated" or "labels"' in line


def test_single_slices_are_not_to_be_cropped():
  rng = np.random.default_rng(1)
  slices = [dataclasses.replace(one, separate_slices=True) for one in patients(rng, 12, ("liver",), depth=10)]
  line, recipe = check.disagreements(*checked(patients(rng, 24), slices))
  assert "single slices" in line and "no cropping" in line and "10 x 100" not in line
  assert "Recipe: experiments/marginal.flags" in recipe
