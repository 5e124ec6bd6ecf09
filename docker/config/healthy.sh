#!/bin/bash
# Healthy: every model of the models.config beside this file has a version that answers.
# In bash, grep and cut, since tensorflow/serving has neither curl nor Python. Another REST port than 8501: healthy.sh PORT
set -euo pipefail
models=$(grep -oE '\bname: *"[^"]+"' "${0%/*}/models.config" | cut -d '"' -f 2)
for model in $models; do
  exec 3<>/dev/tcp/127.0.0.1/"${1:-8501}"
  printf 'GET /v1/models/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$model" >&3
  grep -q '"state": "AVAILABLE"' <&3 || { echo "$model has no version that answers"; exit 1; }
  exec 3>&-
done
