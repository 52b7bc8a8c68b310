"""What is written of a segmented scan: label maps, DICOM objects, measurements, a picture; one a module."""
