"""Small DICOM series; for the tests of this room."""

import warnings

import numpy as np
import pydicom

AXIAL = (1, 0, 0, 0, 1, 0)
RAMP = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)  # [slice, row, column]


def write_slice(path, stored, position, orientation=AXIAL, **tags):
  """One CT slice of `stored` [row, column], as an uncompressed file; a tag of None is left out."""
  data = pydicom.Dataset()
  data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{position[2] + 5000:.0f}"
  data.Modality, data.SeriesInstanceUID = "CT", "1.2.3"
  data.Rows, data.Columns = stored.shape
  data.ImagePositionPatient, data.ImageOrientationPatient = list(position), list(orientation)
  data.PixelSpacing, data.SliceThickness = [0.75, 0.5], 9  # the thickness is not the step
  data.RescaleSlope, data.RescaleIntercept = 2, -1024
  data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
  data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
  data.PixelData = stored.astype("<i2").tobytes()
  for name, value in tags.items():
    if value is None:
      delattr(data, name)
    else:
      setattr(data, name, value)
  data.file_meta = pydicom.dataset.FileMetaDataset()
  data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
  data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
  data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    data.is_little_endian, data.is_implicit_VR = True, False  # pydicom 2 needs them
    data.preamble = bytes(128)
    data.save_as(str(path))


def write_series(folder, depths=(10, 12, 14, 16), **tags):
  """RAMP's slices at the given z, named against their order."""
  folder.mkdir(exist_ok=True)
  for stored, z in zip(RAMP, depths):
    write_slice(folder / f"{900 - z:05.1f}.dcm", stored, (-20, -30, z), **tags)
  return folder
