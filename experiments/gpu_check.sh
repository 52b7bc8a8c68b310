#!/usr/bin/env bash
# What training does on this machine's GPU: images a second and memory of both networks at the paper's sizes,
# deterministic and not, in float16, and on two GPUs if there are two. Prints a table to paste into an issue.
#   experiments/gpu_check.sh [FOLDER]       about ten minutes; FOLDER (default: runs/gpu_check) keeps the logs
# Needs TensorFlow for GPUs: `make install EXTRAS=gpu,dev`. For an A100, H100 or later take Python 3.12 or 3.13 (PYTHON_FOR_VENV=python3.13): the
# TensorFlow of Python 3.9 to 3.11 has no code for them and compiles it at its first start, for half an hour.
# SIZES=tiny STEPS=N try the script itself on a CPU; ROWS="2d-deterministic ..." takes some rows; STORE=DIR a store of your own.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${1:-runs/gpu_check}
STEPS=${STEPS:-20}
STORE=${STORE:-$OUT/store}
mkdir -p "$OUT"

if [ ! -e "$STORE/index.json" ]; then
  "$PYTHON" -m data.phantom --output_dir="$OUT/raw" --labeled_cases=3 --partial_cases=6 --test_cases=0 > "$OUT/data.log" 2>&1
  "$PYTHON" -m data.prepare --manifest="$OUT/raw/dataset.json" --output_dir="$STORE" >> "$OUT/data.log" 2>&1
fi

# A stage of STEPS steps each; the second half of a stage is measured: the first holds its compilation.
COMMON="--data_dir=$STORE --fold=-1 --supervision=panns --stage1_steps=$STEPS --stage2_steps=$STEPS
  --log_interval=$((STEPS / 2)) --checkpoint_interval=1000000 --validation_interval=1000000 --prior_examples=16
  --noverify_store --validation_fraction=0 --partial_organs="
case ${SIZES:-paper} in
  paper)
    DEEPLAB="--flagfile=experiments/resnet101_panns.flags"
    UNET="--flagfile=experiments/unet3d_panns.flags --spacing_mm=" ;;
  tiny)
    DEEPLAB="--backbone=resnet_small --output_stride=16 --crop_size=33 --batch_size=4 --scales=1"
    UNET="--network=dltk_unet3d --unet_filters=4,8 --unet_strides=1,2 --patch_size=8 --batch_size=4" ;;
  *) echo "error: SIZES=$SIZES: paper or tiny" >&2; exit 2 ;;
esac

gpus=$("$PYTHON" -c 'import data, tensorflow as tf; print(len(tf.config.list_physical_devices("GPU")))')
all="2d-deterministic 2d-fast 2d-float16 2d-bfloat16 3d-deterministic 3d-fast 3d-float16"
[ "$gpus" -lt 2 ] || all="$all 2d-two 3d-two"
[ "$gpus" -gt 0 ] || [ "${SIZES:-paper}" = tiny ] || echo "no GPU was found, which will take hours; is it TensorFlow for GPUs? .venv/bin/pip install -e '.[gpu]'" >&2

row() {  # name → the line of the table
  case $1 in 2d-*) flags=$DEEPLAB ;; *) flags=$UNET ;; esac
  case $1 in
    *-deterministic) flags="$flags --deterministic" ;;
    *-fast) flags="$flags --nodeterministic" ;;
    *-float16) flags="$flags --nodeterministic --mixed_precision=float16" ;;
    *-bfloat16) flags="$flags --nodeterministic --mixed_precision=bfloat16" ;;
    *-two) flags="$flags --nodeterministic --strategy=mirrored" ;;
  esac
  rm -rf "${OUT:?}/$1"
  # shellcheck disable=SC2086  # the flags are words
  if "$PYTHON" -m deeplab_panns.train $flags $COMMON --run_dir="$OUT/$1" > "$OUT/$1.log" 2>&1; then
    "$PYTHON" - "$1" "$OUT/$1" "$STEPS" "$OUT/$1.log" <<'EOF'
import json, pathlib, re, sys
name, run, steps, log = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
settings = json.loads((run / "experiment.json").read_text())
size = settings.get("crop_size") or "x".join(map(str, settings["patch_size"]))
rates = dict(re.findall(r"step +(\d+) .* ([\d.]+) images/s", log.read_text()))
held = json.loads((run / "run.json").read_text())["finished"]["peak_memory_gb"]
gpus = {device: gb for device, gb in held.items() if device != "process"} or held
memory = ", ".join(f"{device} {gb:.1f}" for device, gb in gpus.items())
print(f"| {name} | {settings['batch_size']} of {size} | {rates[str(steps)]} | {rates[str(2 * steps)]} | {memory} |")
EOF
  else
    echo "| $1 | $(tail -n 1 "$OUT/$1.log" | cut -c 1-200) | | | |"
  fi
}

echo "| row | batch and size | images/s, stage 1 | images/s, stage 2 | most GB held |"
echo "|---|---|---|---|---|"
for name in ${ROWS:-$all}; do row "$name"; done
"$PYTHON" - "$OUT" <<'EOF'
import json, pathlib, sys
starts = [json.loads(path.read_text())["starts"][-1] for path in pathlib.Path(sys.argv[1]).glob("*/run.json")]
for start in starts[:1]:
  print(f"\n{', '.join(start['physical_devices'])}; {start['cpu']['model']}, {start['cpu']['cores']} cores; commit {start['commit']}; "
        f"{start['system']}; Python {start['python']}; " + ", ".join(f"{k} {v}" for k, v in start["versions"].items()))
EOF
