"""A download as a manifest: which cases are taken, and what the user knows better."""

import pytest

from data.input_error import InputError
from data.layouts.by_name import (
  LAYOUTS,
  Choice,
  describe_layouts,
  find_cases,
  parse_flips,
  read_spacings,
)

NAMES = """btcv btcv_tcia_gibson visceral nih_pancreas chaos_ct msd_liver msd_spleen msd_pancreas sliver07
  lits totalsegmentator amos22 flare22 word nnunet_raw"""


@pytest.fixture
def spleens(tmp_path):
  for number in range(2, 12):
    for folder in ("imagesTr", "labelsTr"):
      (tmp_path / folder).mkdir(exist_ok=True)
      (tmp_path / folder / f"spleen_{number}.nii.gz").touch()
  return tmp_path


def ids(folder, **choice):
  return [case.id for case in find_cases("msd_spleen", folder, Choice(**choice)).cases]


def test_the_fifteen_layouts_are_listed():
  assert [layout.name for layout in LAYOUTS] == NAMES.split()
  assert all(layout.name in describe_layouts() for layout in LAYOUTS)


def test_more_cases_keep_those_of_fewer(spleens):
  three, six = ids(spleens, max_cases=3), ids(spleens, max_cases=6)
  assert len(three) == 3 and len(six) == 6 and set(three) < set(six)
  assert ids(spleens, max_cases=3, seed=1) != three
  assert ids(spleens, max_cases=99) == ids(spleens) == [f"spleen_{number}" for number in range(2, 12)]


def test_cases_can_be_left_out_and_turned(spleens):
  assert len(ids(spleens, leave_out=("spleen_2",))) == 9
  manifest = find_cases("msd_spleen", spleens, Choice(mirrored={"spleen_3": "xz"}))
  assert [case.reading.mirrored for case in manifest.cases[:3]] == ["", "xz", ""]


@pytest.mark.parametrize("field, value", [("leave_out", ("spleen_1",)), ("mirrored", {"3": "x"})])
def test_cases_that_are_not_there_are_named(spleens, field, value):
  with pytest.raises(InputError, match="has no case"):
    ids(spleens, **{field: value})


def test_files_of_another_layout_are_known(spleens):
  with pytest.raises(InputError, match="--layout=msd_spleen"):
    find_cases("msd_liver", spleens, Choice())


def test_flips():
  assert parse_flips(["sliver_007:x", "a:b:zy"]) == {"sliver_007": "x", "a:b": "yz"}
  for wrong in ("007", "007:", ":x", "007:w", "007:xx"):
    with pytest.raises(InputError, match="ID:AXES"):
      parse_flips([wrong])


def test_spacings(tmp_path):
  path = tmp_path / "spacings.csv"
  path.write_text("id, z_mm, y_mm, x_mm\nlits_28, 1.6, 0.57, 0.58\n")
  assert read_spacings(path) == {"lits_28": (1.6, 0.57, 0.58)}
  for text in ("", "id,x\n", "id,z_mm,y_mm,x_mm\na,1,1,0\n", "id,z_mm,y_mm,x_mm\na,1,1\n"):
    path.write_text(text)
    with pytest.raises(InputError, match=r"spacings\.csv"):
      read_spacings(path)
