#!/usr/bin/env bash
# Eight GPUs of one host. Not run: no GPU was at hand (two and four replicas on CPUs equal one, tests/deeplab_panns/distribution).
#   STORE=/data/store RUN=/data/runs/panns experiments/cluster/eight_gpus.sh
# A batch of 32 is 24 labelled and 8 partial images: 4 for each GPU. The paper's 16 go on 2 or 4 GPUs: CUDA_VISIBLE_DEVICES=0,1,2,3.
set -eu
cd "$(dirname "$0")/../.."
exec .venv/bin/python -m deeplab_panns.train --flagfile=experiments/resnet101_panns.flags \
  --strategy=mirrored --batch_size=32 --mixed_precision=float16 --nodeterministic \
  --data_dir="${STORE:?the store}" --run_dir="${RUN:?the folder of the run}"
