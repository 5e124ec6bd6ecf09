#!/bin/bash
# Healthy: every model of the models.config that the server was given has a version that answers.
# In bash, grep and cut, since tensorflow/serving has neither curl nor Python. The file and the REST port are read from
# the server's own command line (of process 1, in a container; of two flags the last counts, as for the server). What
# that does not say is the file beside this one, and 8501. To name them: healthy.sh PORT FILE PROCESS
set -uo pipefail

given() { # the last value of a flag, be it --flag=value or --flag value, with _ or -
  local value="" next="" argument
  while IFS= read -r -d '' argument; do
    if [ -n "$next" ]; then
      value=$argument next=""
    elif [[ ${argument//-/_} == "__$1="* ]]; then
      value=${argument#*=}
    elif [ "${argument//-/_}" = "__$1" ]; then
      next=yes
    fi
  done < "/proc/$server/cmdline"
  echo "$value"
}

server=${3:-1}
port=${1:-$(given rest_api_port)}
port=${port:-$(given rest_port)}
config=${2:-$(given model_config_file)}
config=${config:-${0%/*}/models.config}
models=$(grep -oE '\bname: *"[^"]+"' "$config" | cut -d '"' -f 2) || { echo "$config names no model" >&2; exit 1; }
for model in $models; do
  exec 3<>/dev/tcp/127.0.0.1/"${port:-8501}" || exit 1
  printf 'GET /v1/models/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$model" >&3
  grep -q '"state": "AVAILABLE"' <&3 || { echo "$model has no version that answers"; exit 1; }
  exec 3>&-
done
