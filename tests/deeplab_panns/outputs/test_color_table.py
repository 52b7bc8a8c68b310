"""The colour table, cell by cell as 3D Slicer's documentation has it."""

import csv
import io

from deeplab_panns.outputs.color_table import COLUMNS, color_table
from deeplab_panns.outputs.organ_looks import organ_looks


def test_a_known_organ_is_the_documentations_own_example():
  """Its row of the left kidney, but for the colour and the name."""
  header, row = color_table(organ_looks(["left kidney"])).splitlines()
  assert header.startswith(
    "LabelValue,Name,Color_R,Color_G,Color_B,Color_A,Category_CodingScheme,Category_Code"
  )
  assert row.startswith("1,left kidney,46,138,184,255,SCT,123037004,Anatomical Structure,")
  assert row.endswith(",SCT,64033007,Kidney,SCT,7771000,Left,,,,,,")


def test_other_organs_commas_and_quotation_marks():
  rows = list(csv.DictReader(io.StringIO(color_table(organ_looks(["liver", 'lobe, "right"'])))))
  assert [row["LabelValue"] for row in rows] == ["1", "2"] and set(rows[0]) == set(COLUMNS)
  assert rows[1]["Name"] == "lobe, 'right'" and rows[1]["Type_CodingScheme"] == "99PANNS"
