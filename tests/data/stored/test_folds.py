"""Folds: stable, seeded, whole patients."""

import base64
import dataclasses
import pathlib

import numpy as np
import pytest

from data.cases import Case, Manifest
from data.input_error import InputError
from data.stored.folds import with_folds

ORGANS = ("liver", "spleen")


def manifest(*cases):
  return Manifest(pathlib.Path("m.json"), ORGANS, cases)


def case(name, annotated=ORGANS, **more):
  return Case(name, pathlib.Path(f"{name}.nii"), pathlib.Path("l.nii"), annotated, {}, **more)


def folds(listed, images=None, count=5, seed=0, fold_partial=False):
  entries = {
    one.id: {"id": one.id, "sha256": {"source_image": (images or {}).get(one.id, one.id)}}
    for one in listed.cases
  }
  return {entry["id"]: entry["fold"] for entry in with_folds(listed, entries, count, seed, fold_partial)}


FULL = [case(f"full_{number:02d}") for number in range(12)]


def test_partial_cases_change_nothing_wherever_they_stand():
  before = folds(manifest(*FULL))
  partial = [case(f"a_partial_{number}", ("liver",)) for number in range(7)]
  mixed = folds(manifest(*partial[:3], *reversed(FULL), *partial[3:]))
  assert {name: fold for name, fold in mixed.items() if fold is not None} == before
  assert {mixed[one.id] for one in partial} == {None}
  assert sorted(list(before.values()).count(fold) for fold in range(5)) == [2, 2, 2, 3, 3]


def test_partial_cases_get_folds_of_their_own_by_what_they_annotate():
  partial = [case(f"liver_{number}", ("liver",), patient=f"p{number // 2}") for number in range(12)]
  partial += [case(f"spleen_{number}", ("spleen",)) for number in range(5)]
  partial += [case("spleen_of_p0", ("spleen",), patient="p0"), case("unlabelled", ())]
  dealt = folds(manifest(case("full"), *partial), fold_partial=True)
  assert dealt["full"] is None and dealt["unlabelled"] is None
  spleens = [dealt[f"spleen_{number}"] for number in range(5)]
  assert max(map(spleens.count, range(5))) <= 2 and len(set(spleens)) >= 4
  assert {dealt[f"liver_{number}"] for number in range(12)} == {0, 1, 2, 3, 4}
  for first in range(0, 12, 2):
    assert dealt[f"liver_{first}"] == dealt[f"liver_{first + 1}"]
  assert dealt["spleen_of_p0"] == dealt["liver_0"]
  before = folds(manifest(*FULL))
  assert {name: folds(manifest(*FULL, *partial), fold_partial=True)[name] for name in before} == before


def test_parts_of_one_scan_are_in_one_fold():
  listed = manifest(*FULL[:5])
  entries = {}
  for number, one in enumerate(FULL[:5]):  # 0 and 3 share a half, and so do 3 and 4
    first = {0: 0, 3: 50, 4: 100}.get(number, 1000 * number)
    hashes = np.arange(first, first + 100, dtype="<u8").tobytes()
    entries[one.id] = {"id": one.id, "sketch": base64.b64encode(hashes).decode()}
  dealt = [entry["fold"] for entry in with_folds(listed, entries, 5, 0)]
  assert dealt[0] == dealt[3] == dealt[4] and sorted(set(dealt)) == [0, 1, 2]
  given = [dataclasses.replace(one, fold=number, patient=one.id) for number, one in enumerate(FULL[:5])]
  dealt = [entry["fold"] for entry in with_folds(manifest(*given), entries, 5, 0)]
  assert dealt == [0, 1, 2, 3, 4]  # the guard `duplicate` refuses them, unless it is overridden


def test_the_seed_decides():
  assert folds(manifest(*FULL), seed=0) == folds(manifest(*FULL), seed=0) != folds(manifest(*FULL), seed=1)


@pytest.mark.parametrize("seed", range(5))
def test_a_patient_is_in_one_fold(seed):
  cases = [dataclasses.replace(one, patient=f"p{index // 3}") for index, one in enumerate(FULL)]
  dealt = folds(manifest(*cases), seed=seed)
  for first in range(0, 12, 3):
    assert len({dealt[one.id] for one in cases[first : first + 3]}) == 1
  assert sorted(set(dealt.values())) == [0, 1, 2, 3]  # four patients


def test_one_image_twice_is_one_patient_and_joins_two():
  cases = [
    case("a", patient="p"),
    case("b", patient="q"),
    case("c", patient="q"),
    case("d"),
    case("e"),
    case("f"),
  ]
  for seed in range(5):
    dealt = folds(manifest(*cases), {"a": "same", "c": "same"}, seed=seed)
    assert dealt["a"] == dealt["b"] == dealt["c"] and len(set(dealt.values())) == 4


def test_folds_of_the_manifest_that_part_a_patient():
  cases = [case("a", fold=0, patient="p"), case("b", fold=1, patient="p")]
  with pytest.raises(InputError, match=r'a \(fold 0\) and b \(fold 1\) are of the patient "p"'):
    folds(manifest(*cases))
  assert folds(manifest(case("a", fold=3), case("b", fold=1))) == {"a": 3, "b": 1}


def test_a_fold_that_the_manifest_gives_a_partial_case_is_kept():
  """The scan is held out, as who wrote it meant; it trained without a word."""
  full = [case("a", fold=0), case("b", fold=1)]
  partial = [case("p", ("liver",), fold=0), case("q", ("liver",))]
  assert folds(manifest(*full, *partial)) == {"a": 0, "b": 1, "p": 0, "q": None}
  with pytest.raises(InputError, match='u annotate nothing and have a "fold"'):
    folds(manifest(*full, case("u", (), fold=0)))


def test_partial_cases_are_dealt_the_folds_that_the_manifest_has():
  full = [case("a", fold=3), case("b", fold=7)]
  partial = [case(f"p{number}", ("liver",)) for number in range(8)]
  dealt = folds(manifest(*full, *partial), fold_partial=True)
  assert {dealt[one.id] for one in partial} == {3, 7}
