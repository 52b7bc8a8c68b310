#!/usr/bin/env bash
# Time and memory of `predict` on one scan of 512 x 512 x 400 voxels and 13 organs, from reading to the last file, on this machine.
#   experiments/large_scan.sh [FOLDER]       FOLDER (default: runs/large_scan) keeps the scan, the networks and the label maps
# The networks are the quickstarts' first stages at 3 mm (a trained network's label maps are written faster than noise). The scan is a
# phantom patient, stretched to voxels of 0.8 x 0.8 x 1.5 mm (41 x 41 x 60 cm). SLICES=N STEPS=N try the script itself.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${1:-runs/large_scan}
SLICES=${SLICES:-400}
mkdir -p "$OUT"

if [ ! -e "$OUT/raw/dataset.json" ]; then
  "$PYTHON" -m data.phantom --output_dir="$OUT/raw" --labeled_cases=3 --partial_cases=0 --test_cases=1 >> "$OUT/log" 2>&1
fi
"$PYTHON" -m data.prepare --manifest="$OUT/raw/dataset.json" --output_dir="$OUT/store" --spacing_mm=3 >> "$OUT/log" 2>&1

"$PYTHON" - "$OUT/raw/images/test_000.nii.gz" "$OUT/scan_$SLICES.nii.gz" "$SLICES" << 'END'
import sys

import nibabel
import numpy as np
from scipy import ndimage

small = nibabel.load(sys.argv[1])
shape = (512, 512, int(sys.argv[3]))
hu = ndimage.zoom(np.asarray(small.dataobj, np.float32), np.divide(shape, small.shape), order=1)
nibabel.save(nibabel.Nifti1Image(np.rint(hu).astype(np.int16), np.diag([0.8, 0.8, 1.5, 1])), sys.argv[2])
END

train() { # NAME FLAGFILE
  "$PYTHON" -m deeplab_panns.train --flagfile="experiments/$2" --data_dir="$OUT/store" --fold=-1 --run_dir="$OUT/$1" \
    --supervision=full --stage2_steps=0 ${STEPS:+--stage1_steps=$STEPS} >> "$OUT/log" 2>&1
}

row() { # NAME RUN FLAG...
  local name=$1 run=$2 told
  shift 2
  rm -rf "$OUT/labels"
  "$PYTHON" -m deeplab_panns.predict --run_dir="$OUT/$run" --input="$OUT/scan_$SLICES.nii.gz" --output_dir="$OUT/labels" "$@" > "$OUT/told" 2>> "$OUT/log"
  told=$(tail -n 1 "$OUT/told")
  echo "| $name $* | $(echo "$told" | sed -E 's/.*\(([0-9.e+-]+) s a slice\).*; ([0-9]+) s, at most ([0-9.]+) GB.*/\2 s | \1 s | \3 GB/') |"
}

train slices quickstart.flags
train volumes quickstart3d.flags
echo "| 512 x 512 x $SLICES, 13 organs, $(nproc) cores | all | network, a slice | memory |"
echo "|---|---|---|---|"
row "2-D (resnet_small) at 3 mm" slices
row "2-D at 3 mm" slices --crop_to_body
row "3-D U-Net at 3 mm" volumes
row "3-D U-Net at 3 mm" volumes --crop_to_body
row "3-D U-Net at 3 mm" volumes --output_masks --output_format=nifti,nrrd
