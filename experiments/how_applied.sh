#!/usr/bin/env bash
# What test scales, mending and cropping change in the scores of one phantom seed: the table "How a network is applied".
#   experiments/how_applied.sh SEED [FOLDER]      SEED: 100 and above, of development. FOLDER (default: runs/how_applied/SEED)
# Two trainings and eight evaluations with one thread, some ten minutes of one core; what is done is kept when it is called again.
# VIEWS=axial leaves the coronal run and the mean of both out.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
SEED=$1
OUT=${2:-runs/how_applied/$SEED}
TRAIN="$PYTHON -m deeplab_panns.train --flagfile=experiments/quickstart.flags --data_dir=$OUT/store --fold=0 --seed=$SEED --threads=1"
mkdir -p "$OUT"

if [ ! -e "$OUT/store/index.json" ]; then
  "$PYTHON" -m data.phantom --output_dir="$OUT/raw" --labeled_cases=3 --partial_cases=18 --test_cases=10 --seed="$SEED" >> "$OUT/log" 2>&1
  "$PYTHON" -m data.prepare --manifest="$OUT/raw/dataset.json" --output_dir="$OUT/store" --workers=1 >> "$OUT/log" 2>&1
fi

train() { # NAME FLAG...: stage 1 of a network, and PaNN from it
  local name=$1
  shift
  $TRAIN --run_dir="$OUT/$name-stage1" --supervision=full --stage2_steps=0 "$@" >> "$OUT/log" 2>&1
  $TRAIN --run_dir="$OUT/$name" --supervision=panns --stage1_run="$OUT/$name-stage1" "$@" >> "$OUT/log" 2>&1
}

score() { # RUNS FLAG...: a row of the table
  local runs=$1 to
  shift
  to="$OUT/scores/$(echo "$runs $*" | tr -c 'a-z0-9_.\n' _)"
  if [ ! -e "$to/metrics.json" ]; then
    "$PYTHON" -m deeplab_panns.evaluate --run_dirs="$runs" --output_dir="$to" --split=test --workers=1 "$@" >> "$OUT/log" 2>&1
  fi
  "$PYTHON" - "$to/metrics.json" "$(echo "$runs" | sed "s,$OUT/,,g"): ${*:-none}" << 'END'
import json, math, sys
scores = json.load(open(sys.argv[1]))
far = [organ["hausdorff_mm"] for organ in scores["organs"].values()]
far = [mm for mm in far if mm is not None and math.isfinite(mm)]
print(f"| {sys.argv[2]} | {100 * scores['mean_dice']:.1f} | {sum(far) / len(far):.1f} |")
END
}

MENDED="--min_piece_share=0.25 --fill_holes --mend_sides"
train axial
echo "| run of seed $SEED: flags | mean Dice, % | mean Hausdorff distance, mm |"
echo "|---|---|---|"
score "$OUT/axial"
score "$OUT/axial" --test_scales=1,1.25
score "$OUT/axial" --test_scales=0.75,1,1.25
score "$OUT/axial" --min_piece_share=0.25
score "$OUT/axial" --fill_holes
score "$OUT/axial" --mend_sides
score "$OUT/axial" $MENDED
score "$OUT/axial" --crop_to_body
if [ "${VIEWS:-all}" = all ]; then
  train coronal --view=coronal
  score "$OUT/coronal"
  score "$OUT/axial,$OUT/coronal"
  score "$OUT/axial,$OUT/coronal" $MENDED
fi
