"""DICOM files: series found, headers and stored values read, slices in order."""
