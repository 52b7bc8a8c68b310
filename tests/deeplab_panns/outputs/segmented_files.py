"""Small scans with three organs in known places, in every orientation, for tests of what is written."""

import itertools

import nibabel
import numpy as np

from data.reading import volumes
from deeplab_panns.outputs.segmented_case import SegmentedCase
from tests.data.dicom.dicom_files import write_slice

ORGANS = ("liver", "left kidney", "duodenum")  # the last one has no code
SPACING_MM = (2.5, 0.75, 1.25)  # (x, y, z)
ORIGIN = (-31.5, 12.25, 100.125)
# {label: (x, y, z) ranges of voxels in RAS order}; no two organs and no two axes alike
BOXES = {1: ((1, 5), (2, 4), (1, 3)), 2: ((6, 8), (5, 9), (2, 4)), 3: ((3, 4), (6, 8), (0, 2))}
SHAPE = (9, 10, 5)
ORIENTATIONS = [
  "".join(codes) for axes in itertools.permutations(("RL", "AP", "SI")) for codes in itertools.product(*axes)
]


def labels_ras():
  """uint8 [x, y, z] with x to the right, y to the front and z to the head."""
  labels = np.zeros(SHAPE, np.uint8)
  for value, box in BOXES.items():
    labels[tuple(slice(*side) for side in box)] = value
  return labels


def centroids_ras():
  """{organ: (x, y, z) in mm} from the boxes by hand, not from any array."""
  return {
    organ: [
      start + spacing * (low + high - 1) / 2
      for start, spacing, (low, high) in zip(ORIGIN, SPACING_MM, BOXES[value])
    ]
    for value, organ in enumerate(ORGANS, 1)
  }


def ras_affine():
  affine = np.diag([*SPACING_MM, 1.0])
  affine[:3, 3] = ORIGIN
  return affine


def turned(array_ras, codes):
  """(array [x, y, z] whose axes run to `codes`, its affine) of an array in RAS order."""
  image = nibabel.Nifti1Image(array_ras, ras_affine())
  turn = nibabel.orientations.ornt_transform(
    nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(tuple(codes))
  )
  image = image.as_reoriented(turn)
  return np.asarray(image.dataobj), image.affine


def hu_ras():
  """HU that tell every voxel from every other."""
  return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 200


def segmented(path, organs=ORGANS):
  """The scan at `path`, read, with the labels where the boxes lie in the patient."""
  volume = volumes.read_image(path)
  labels = np.ascontiguousarray(labels_ras()[::-1, ::-1].T)  # RAS to LPS, [z, y, x]
  return SegmentedCase("case", volume, labels, tuple(organs))


def nifti_case(folder, codes="RAS", organs=ORGANS):
  array, affine = turned(hu_ras(), codes)
  nibabel.save(nibabel.Nifti1Image(array, affine), folder / "scan.nii.gz")
  return segmented(folder / "scan.nii.gz", organs)


def centroid_of(mask_xyz, affine):
  """Where a mask's centre lies, by the affine of its file."""
  at = np.argwhere(mask_xyz)
  return affine[:3, :3] @ at.mean(axis=0) + affine[:3, 3]


def write_dicom(folder, codes="LPS", descending=False, **tags):
  """`hu_ras` as a series whose rows run to codes[0] and columns to codes[1], with all UIDs and no names."""
  array, affine = turned(hu_ras(), codes)
  lps = np.diag([-1.0, -1, 1, 1]) @ affine
  spacing = np.linalg.norm(lps[:3, :3], axis=0)
  cosines = lps[:3, :3] / spacing
  folder.mkdir(parents=True, exist_ok=True)
  order = range(array.shape[2])
  for place, index in enumerate(reversed(order) if descending else order):
    uids = {
      "SOPInstanceUID": f"1.2.826.0.1.99.{index + 1}",
      "SeriesInstanceUID": "1.2.826.0.1.98",
      "StudyInstanceUID": "1.2.826.0.1.97",
      "FrameOfReferenceUID": "1.2.826.0.1.96",
    }
    write_slice(
      folder / f"{place:03d}.dcm",
      array[:, :, index].T,
      lps[:3, 3] + lps[:3, 2] * index,
      [*cosines[:, 0], *cosines[:, 1]],
      **{
        **uids,
        "PixelSpacing": [float(spacing[1]), float(spacing[0])],
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        **tags,
      },
    )
  return folder


def dicom_case(folder, codes="LPS", organs=ORGANS, **settings):
  return segmented(write_dicom(folder / "series", codes, **settings), organs)
