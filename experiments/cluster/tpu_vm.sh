#!/usr/bin/env bash
# The eight cores of one TPU VM (v3-8). Not run: no TPU was at hand. What was: the whole step compiles by XLA with static shapes and
# calls nothing on the host (tests/deeplab_panns/method/test_panns.py).
#   gcloud compute tpus tpu-vm ssh NAME --zone=ZONE --command="cd panns && STORE=... RUN=... experiments/cluster/tpu_vm.sh"
# Needs the tensorflow-tpu package of the version of tensorflow in setup.py, in its place. One host: the batches are drawn by NumPy on
# the host that holds the cores, which a pod's other hosts cannot do.
set -eu
cd "$(dirname "$0")/../.."
exec .venv/bin/python -m deeplab_panns.train --flagfile=experiments/resnet101_panns.flags \
  --strategy=tpu --tpu=local --batch_size=32 --mixed_precision=bfloat16 --nodeterministic \
  --data_dir="${STORE:?the store}" --run_dir="${RUN:?the folder of the run}"
