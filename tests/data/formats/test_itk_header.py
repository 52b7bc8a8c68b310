"""NRRD and MetaImage headers: where ITK would assume an orientation, a line says so."""

import pathlib

import numpy as np
import pytest

from data.formats.itk_header import nrrd_key_values
from data.reading import volumes
from tests.data.formats.volume_files import CANONICAL_AFFINE, ORIENTATIONS, RAMP, refused, save, stored_as

sitk = pytest.importorskip("SimpleITK")
LPS = [
  "space: left-posterior-superior",
  "space directions: (0.5,0,0) (0,0.75,0) (0,0,2)",
  "space origin: (-40,30,100)",
]
MATRIX = "TransformMatrix = 1 0 0 0 1 0 0 0 1"


def nrrd(folder, array, fields):
  sizes = " ".join(map(str, array.shape[::-1]))
  lines = [
    "NRRD0004",
    "# by hand",
    "type: short",
    "dimension: 3",
    f"sizes: {sizes}",
    "endian: little",
    "encoding: raw",
  ]
  path = folder / "ct.nrrd"
  content = np.ascontiguousarray(array).astype("<i2").tobytes()
  path.write_bytes(("\n".join([*lines, *fields]) + "\n\n").encode() + content)
  return str(path)


def meta(folder, *fields, spacing="ElementSpacing = 0.5 0.75 2"):
  lines = ["ObjectType = Image", "NDims = 3", "DimSize = 3 4 5", spacing, *fields, "Offset = -40 30 100"]
  lines += ["ElementType = MET_SHORT", "ElementDataFile = ct.raw"]
  (folder / "ct.mhd").write_text("\n".join(line for line in lines if line) + "\n")
  (folder / "ct.raw").write_bytes(RAMP.astype("<i2").tobytes())
  return str(folder / "ct.mhd")


def is_ramp(path):
  volume = volumes.read_image(path)
  np.testing.assert_array_equal(volume.array, RAMP)
  np.testing.assert_allclose(volume.affine, CANONICAL_AFFINE, atol=1e-5)


def test_nrrd_by_the_patients_axes(tmp_path):
  is_ramp(nrrd(tmp_path, RAMP, LPS))


@pytest.mark.parametrize(
  "space, signs",
  [("right-anterior-superior", (-1, -1, 1)), ("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1))],
)
def test_nrrd_in_another_space_is_turned(tmp_path, space, signs):
  # The same voxels at the same position: axes that run the other way in the space's own numbers.
  x, y, _ = signs
  fields = [
    f"space: {space}",
    f"space directions: ({0.5 * x},0,0) (0,{0.75 * y},0) (0,0,2)",
    f"space origin: ({-40 * x},{30 * y},100)",
    'space units: "mm" "mm" "mm"',
  ]
  is_ramp(nrrd(tmp_path, RAMP, fields))


@pytest.mark.parametrize(
  "fields, words",
  [
    (["spacings: 0.5 0.75 2"], "space 'none'"),
    (["space: left-posterior-superior", "spacings: 0.5 0.75 2"], "space directions 'none'"),
    (["space: scanner-xyz", *LPS[1:]], "space 'scanner-xyz'"),
    (["space dimension: 3", *LPS[1:]], "orientation is unknown"),
    ([*LPS, 'space units: "cm" "cm" "cm"'], "space units"),
    ([*LPS, "old min: 0", "old max: 1"], "old min or old max"),
  ],
)
def test_nrrd_that_leaves_something_open(tmp_path, fields, words):
  refused(nrrd(tmp_path, RAMP, fields), words)


def test_meta_image_with_its_matrix(tmp_path):
  is_ramp(meta(tmp_path, MATRIX))
  for letters in ("RAI", "LPS", "???", "rai"):  # the first as ITK writes it, the second as the manual has it
    is_ramp(meta(tmp_path, MATRIX, f"AnatomicalOrientation = {letters}"))


def test_a_header_whose_voxels_are_elsewhere(tmp_path):
  path = meta(tmp_path, MATRIX)
  (tmp_path / "ct.raw").rename(tmp_path / "moved.raw")
  refused(path, "names ct.raw for its voxels", "one folder")


def test_what_programs_write_into_a_header_for_themselves(tmp_path):
  path = nrrd(tmp_path, RAMP, [*LPS, "Segment0_Name:=Äste: links", "# no:=comment"])
  assert nrrd_key_values(path)["Segment0_Name"] == "Äste: links"
  is_ramp(path)
  assert nrrd_key_values(meta(tmp_path, MATRIX)) == {}


def test_meta_image_that_leaves_something_open(tmp_path):
  refused(meta(tmp_path), "no TransformMatrix", "orientation is unknown")
  refused(meta(tmp_path, "AnatomicalOrientation = RAI"), "no TransformMatrix")
  refused(meta(tmp_path, MATRIX, spacing=""), "no ElementSpacing")
  refused(
    meta(tmp_path, MATRIX, "AnatomicalOrientation = RPI"), "AnatomicalOrientation is RPI", "come from RAI"
  )
  refused(meta(tmp_path, MATRIX, "ElementToIntensityFunctionSlope = 2"), "ElementToIntensityFunction")
  plain = ("ElementToIntensityFunctionSlope = 1.0", "ElementToIntensityFunctionOffset = 0.0")
  is_ramp(meta(tmp_path, MATRIX, *plain))
  refused(meta(tmp_path, MATRIX, "DistanceUnits = cm"), "DistanceUnits is 'cm'", "mm is allowed")
  is_ramp(meta(tmp_path, MATRIX, "DistanceUnits = mm"))


def test_meta_image_that_says_one_thing_twice(tmp_path):
  refused(meta(tmp_path, MATRIX, "Position = 0 0 0"), "twice", "offset -40 30 100", "position 0 0 0")
  refused(
    meta(tmp_path, MATRIX, "Orientation = 0 1 0 1 0 0 0 0 1"), "twice", "transformmatrix", "orientation"
  )
  is_ramp(meta(tmp_path, MATRIX, "Position = -40.0 30.0 100.0", f"Rotation = {MATRIX[18:]}"))


def test_meta_image_with_more_or_fewer_voxels_than_it_says(tmp_path):
  """ITK reads the first ones of a file of other voxels, and the header of this file as voxels."""
  path, raw = meta(tmp_path, MATRIX), tmp_path / "ct.raw"
  raw.write_bytes(raw.read_bytes() * 2)
  refused(path, "are 240 bytes, and 120 by the header", "those of another volume")
  raw.write_bytes(raw.read_bytes()[:100])
  refused(path, "are 100 bytes", "cut short")
  own_header = meta(tmp_path, MATRIX, "HeaderSize = 12")
  raw.write_bytes(bytes(12) + RAMP.astype("<i2").tobytes())
  is_ramp(own_header)
  image = sitk.ReadImage(own_header)
  for packed in (False, True):
    sitk.WriteImage(image, str(tmp_path / "ct.mha"), packed)
    is_ramp(str(tmp_path / "ct.mha"))
    content = (tmp_path / "ct.mha").read_bytes()
    (tmp_path / "ct.mha").write_bytes(content[:-9])
    refused(tmp_path / "ct.mha", "cut short")
  (tmp_path / "ct.mha").write_bytes(content.replace(b"ElementSpacing", b"HeaderSize = 9\nElementSpacing"))
  refused(tmp_path / "ct.mha", "HeaderSize is 9", "Remove HeaderSize")


def test_voxels_in_other_files(tmp_path):
  """Of a list without its last end of line ITK leaves the last slice unread, with what was in memory."""
  path = pathlib.Path(meta(tmp_path, MATRIX))
  text = path.read_text()
  for name in ("LIST", "%d.raw 0 4 1"):
    path.write_text(text.replace("ct.raw", name))
    refused(path, f"ElementDataFile is {name}", "into one file")
  path = nrrd(tmp_path, RAMP, [*LPS, "data file: elsewhere.raw"])
  refused(path, "names elsewhere.raw", "data file", "one folder")


@pytest.mark.parametrize("axes, signs", ORIENTATIONS[::5])
def test_what_itk_writes_never_contradicts_itself(tmp_path, axes, signs):
  nifti = save(tmp_path / "ct.nii", *stored_as(axes, signs))
  for ending in (".mha", ".nrrd", ".nhdr", ".mhd"):
    sitk.WriteImage(sitk.ReadImage(nifti), str(tmp_path / f"ct{ending}"))
    is_ramp(str(tmp_path / f"ct{ending}"))
