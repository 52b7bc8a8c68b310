"""Installs the three packages of PaNN and the versions they were run with."""

import setuptools

# Two lanes, by Python's version. Up to 3.11 the stack that the project began with: TensorFlow 2.15, the
# last under which tensorflow-addons imports; crops are cut to the bits of its transform, and tests compare
# the two. From 3.12 on a TensorFlow of today, whose GPU code covers today's GPUs; its Keras 2 is tf_keras
# of the same minor version (before 2.19 tf_keras breaks on Python 3.12).
OLD, NEW = "python_version < '3.12'", "python_version >= '3.12'"
REQUIRES = [
  f"tensorflow==2.15.1; {OLD}",
  f"numpy>=1.26.4,<2; {OLD}",
  f"tensorflow>=2.21,<2.22; {NEW}",
  f"tf_keras>=2.21,<2.22; {NEW}",
  f"tensorboard>=2.20,<2.22; {NEW}",  # no longer comes with TensorFlow
  f"numpy>=2,<3; {NEW}",
  "scipy>=1.13,<1.18",
  "numba>=0.60,<0.69",  # compiles the loop that cuts crops: without Python's lock
  "SimpleITK>=2.4,<2.6",
  "nibabel>=5.2,<6",
  "pydicom>=3,<4; python_version >= '3.10'",
  "pydicom>=2.4,<3; python_version < '3.10'",
  "absl-py>=2.1,<3",
  "matplotlib>=3.9,<3.12",
  "contourpy>=1.2,<2",  # comes with matplotlib
  "h5py>=3.10,<4",  # comes with TensorFlow
  "Pillow>=10",
  "tqdm>=4.66,<5",
  "setuptools<81",  # TensorBoard imports pkg_resources
]
EXTRAS = {
  "gpu": [f"tensorflow[and-cuda]==2.15.1; {OLD}", f"tensorflow[and-cuda]>=2.21,<2.22; {NEW}"],
  "dicom": ["highdicom>=0.28,<0.29; python_version >= '3.10'"],
  "onnx": [
    "tf2onnx>=1.16.1,<1.18; python_version >= '3.10'",
    "onnx>=1.16.2,<1.19; python_version >= '3.10'",
    "onnxruntime>=1.20; python_version >= '3.10'",
  ],
  "dev": [
    "pytest>=8,<9",
    "pytest-xdist>=3.6,<4",
    "hypothesis>=6.100,<7",
    f"tensorflow-addons==0.23.0; {OLD}",  # its image transform is the oracle of ours
    "surface-distance==0.1",
    # Second readers of what predict writes: 3D Slicer's segmentations, and DICOM SEG by another library.
    "slicerio==1.4.0",
    "dcmqi==1.5.7; python_version >= '3.10'",
    "ruff>=0.6,<1",
    "mypy>=1.11,<2",
    "pyyaml>=6.0.1,<7",  # reads experiments/cluster/kubernetes.yaml in a test
  ],
}

setuptools.setup(
  name="panns",
  version="0.1.0",
  description="Partially-supervised multi-organ CT segmentation with a prior-aware neural network",
  license="Apache-2.0",
  packages=setuptools.find_packages(include=["data*", "deeplab_panns*", "dltk_unet*"]),
  python_requires=">=3.9,<3.14",
  install_requires=REQUIRES,
  extras_require=EXTRAS,
)
