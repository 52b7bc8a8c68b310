"""Downloads in miniature: phantom patients, written as the data sets of the layouts are."""

import functools

import nibabel
import numpy as np
from nibabel import orientations

from data.layouts.by_name import Choice, find_cases
from data.organs import BTCV_ORGANS
from data.stored.preparation import prepare_store
from data.synthetic.phantom_ct import draw_case
from tests.data.dicom.dicom_files import write_slice

SIZE = 48
ID = {organ: value for value, organ in enumerate(BTCV_ORGANS, 1)}


@functools.cache
def phantom(index=0):
  """A patient; its axes run to R, A, S."""
  return draw_case(0, "labeled", index, SIZE)


def of(organs, index=0, values=None):
  """The phantom's label map of some organs alone, with our values or others."""
  label = phantom(index).label
  values = values or {ID[organ]: organ for organ in organs}
  out = np.zeros(label.shape, np.uint8)
  for value, organ in values.items():
    if organ in organs:
      out[label == ID[organ]] = value
  return out


def nifti(path, array, affine, axes="RAS", dtype=None):
  """Writes [z, y, x] of RAS axes with the axes that are asked for."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = nibabel.Nifti1Image(array.T.astype(dtype or array.dtype), affine)
  turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(axes))
  nibabel.save(image.as_reoriented(turn), path)
  return path


def scan(path, index=0, axes="RAS"):
  return nifti(path, phantom(index).image_hu, phantom(index).affine, axes)


def labels(path, array, index=0, axes="RAS", dtype=None):
  return nifti(path, array, phantom(index).affine, axes, dtype)


def dicom(folder, name, index=0, intercept=-1024, slices=slice(None), descending=False, uids=False):
  """The slices as DICOM, named by `name(k)`; k counts them from the feet, or from the head.

  Args:
    uids: each file has a SeriesInstanceUID of its own.
  """
  folder.mkdir(parents=True)
  case = phantom(index)
  images = canonical(case.image_hu)[slices]
  first = int(np.arange(len(case.image_hu))[slices][0])
  spacing = np.diag(case.affine)[:3]
  for z, image in enumerate(images):
    lps = canonical_affine(case) @ [0, 0, first + z, 1] * [-1, -1, 1, 1]
    k = len(images) - 1 - z if descending else z
    write_slice(
      folder / name(k),
      (image - intercept).astype(np.int16),
      lps[:3].tolist(),
      PixelSpacing=[spacing[1], spacing[0]],
      RescaleSlope=1,
      RescaleIntercept=intercept,
      SeriesInstanceUID=f"1.2.{index}.{z if uids else 0}",
    )


def canonical(array):
  """[z, y, x] of RAS axes as the store has it, LPS."""
  return array[:, ::-1, ::-1]


def canonical_affine(case):
  """Of the phantom in LPS order, by hand: the first voxel is the last along x and y."""
  affine = case.affine.copy()
  affine[:3, 3] += affine[:3, 0] * (SIZE - 1) + affine[:3, 1] * (SIZE - 1)
  affine[:3, :2] *= -1
  return affine


def prepare(layout, raw, tmp_path, **choice):
  """({id: case of the store}, the manifest that was prepared)."""
  manifest = find_cases(layout, raw, Choice(**choice))
  store = prepare_store(manifest, tmp_path / "store")
  return {case.id: case for case in store.cases}, manifest


def assert_phantom(case, organs, index=0, slices=slice(None)):
  """The case has the phantom's labels of these organs, and they lie where the phantom's lie."""
  assert case.annotated == tuple(organ for organ in BTCV_ORGANS if organ in organs)
  expected = canonical(of(organs, index))[slices]
  affine = canonical_affine(phantom(index))
  affine[:3, 3] += affine[:3, 2] * np.arange(len(phantom(index).label))[slices][0]
  np.testing.assert_array_equal(case.label(), expected)
  assert expected.any()
  np.testing.assert_allclose(case.affine, affine, atol=1e-3)
  window = np.clip(canonical(phantom(index).image_hu)[slices] + 125.0, 0, 400) * 255 / 400
  np.testing.assert_allclose(case.image(), window, atol=0.51)
