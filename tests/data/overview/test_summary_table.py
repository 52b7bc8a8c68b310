"""Counts and medians of three cases."""

from data.overview.summary_table import organ_rows, text_table

ENTRIES = [
  {
    "annotated": ["liver", "spleen"],
    "voxels": {"liver": 9, "spleen": 0},
    "measured": {"liver": {"ml": 1000.0, "mean_hu": 1, "cut": False}},
    "findings": [{"guard": "volume", "severe": False, "line": "the liver has 1000 mL"}],
  },
  {
    "annotated": ["liver"],
    "voxels": {"liver": 9, "spleen": 0},
    "measured": {"liver": {"ml": 1600.0, "mean_hu": 1, "cut": False}},
  },
  {
    "annotated": ["liver"],
    "voxels": {"liver": 9, "spleen": 0},
    "measured": {"liver": {"ml": 7.0, "mean_hu": 1, "cut": True}},
  },
]


def test_what_is_cut_counts_as_labelled_and_not_in_the_volumes():
  assert organ_rows(ENTRIES, ["liver", "spleen"]) == [
    ("liver", "3", "3", "1300", "1000 to 1600", "1"),
    ("spleen", "1", "0", "-", "-", ""),
  ]


def test_entries_of_before_there_were_measures():
  assert organ_rows([{"annotated": ["liver"], "voxels": {"liver": 1}}], ["liver"])[0][3:] == ("-", "-", "")


def test_columns_are_even():
  lines = text_table(organ_rows(ENTRIES, ["liver", "spleen"])).splitlines()
  assert (
    len(lines) == 3
    and lines[1].startswith("liver ")
    and lines[0].index("median mL") == lines[1].index("1300") - 5
  )
