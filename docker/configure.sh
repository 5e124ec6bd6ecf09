#!/usr/bin/env bash
# Write config/ and k8s/canary/models.config anew, from the registry of models: after a model was added or renamed.
# They name versions that a fresh `triptych train` publishes, twice for the canary. Into another folder: configure.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")"
readonly OUT=${1:-.}
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT

for model in $(python -c 'from export.models.registry import OURS; print(*OURS)'); do
  mkdir -p "$models/$model/1" && touch "$models/$model/1/saved_model.pb"
done
python -m export.cli config "$models" --out "$OUT/config"
mkdir -p "$models/two_tower/2" "$OUT/k8s/canary" && touch "$models/two_tower/2/saved_model.pb"
cp "$OUT/config/models.config" "$OUT/k8s/canary/models.config"
python -m export.cli label two_tower stable=1 canary=2 --config "$OUT/k8s/canary/models.config" --models "$models"
