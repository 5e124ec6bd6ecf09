#!/usr/bin/env bash
# Build both images, run them as they are meant to be run, ask them, publish under them, stop them: `make docker-test`.
#
# Needs a Docker engine; without one it says so and succeeds. A base image that cannot be pulled has a stand-in, which is
# said too: a minimal Debian for python:3.12-slim (needs debootstrap), the local server for tensorflow/serving.
set -euo pipefail
cd "$(dirname "$0")/.."
docker info > /dev/null 2>&1 || { echo "docker-test: skipped, since no Docker engine answers \`docker info\`"; exit 0; }

readonly HARD=(--read-only --user 65534 --cap-drop ALL --security-opt no-new-privileges)
mapfile -t MODELS < <(grep -oE '\bname: *"[^"]+"' docker/config/models.config | cut -d '"' -f 2)
readonly MODELS CHANGING=${MODELS[0]} # CHANGING is published anew while it is served
readonly PORTS=(-p 127.0.0.1::8500 -p 127.0.0.1::8501)
scratch=$(mktemp -d)
containers=()
clean() {
  if [ ${#containers[@]} -gt 0 ]; then docker rm -f "${containers[@]}" > /dev/null 2>&1 || true; fi
  rm -rf "$scratch"
}
trap clean EXIT

say() { echo "docker-test: $*"; }
fail() { say "FAILED: $*"; docker logs "${containers[-1]}" 2>&1 | tail -20; exit 1; }

quietly() { # shows what a command said only if it fails
  "$@" > "$scratch/log" 2>&1 || { tail -30 "$scratch/log"; say "FAILED: $*"; exit 1; }
}

pulled() { docker image inspect "$1" > /dev/null 2>&1 || timeout 120 docker pull --quiet "$1" > /dev/null 2>&1; }

# A Debian with Python, and with the certificates and pip settings of this machine, so that pip works in it as it does here.
debian() {
  docker image inspect triptych-standin:python > /dev/null 2>&1 && return
  command -v debootstrap > /dev/null || { say "FAILED: no stand-in either, it takes debootstrap (as root)"; exit 1; }
  quietly debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$scratch/debian"
  cp /etc/ssl/certs/ca-certificates.crt "$scratch/debian/etc/ssl/certs/"
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$scratch/debian/etc/"; fi
  tar -C "$scratch/debian" -c . | docker import - triptych-standin:python > /dev/null
}

build() { # NAME, then docker's arguments
  say "building $1"
  quietly docker build --tag "$@"
}

run() { # docker's arguments; waits for the image's own health check
  containers+=("$(docker run --detach --health-interval 1s "${HARD[@]}" "${PORTS[@]}" "$@")")
  for _ in $(seq 120); do
    case $(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "${containers[-1]}") in
      "running healthy") rest=$(address 8501) grpc=$(address 8500); return ;;
      running*) sleep 0.5 ;;
      *) fail "it ended instead of serving" ;;
    esac
  done
  fail "it was not healthy within a minute"
}
address() { docker port "${containers[-1]}" "$1/tcp" | head -n 1; }

ask() { # every model over both ports, and once as the README does
  for model in "${MODELS[@]}"; do
    triptych recommend --user 42 --model "$model" --json --url "http://$rest" > "$scratch/rest" || fail "$model over REST"
    triptych recommend --user 42 --model "$model" --json --grpc "$grpc" > "$scratch/grpc" || fail "$model over gRPC"
    cmp "$scratch/rest" "$scratch/grpc" || fail "$model answers otherwise over gRPC than over REST"
    curl -fsS -d '{"instances":["42"]}' "http://$rest/v1/models/$model:predict" > /dev/null || fail "$model with curl"
  done
  say "${#MODELS[@]} models answer over both ports"
}

taken_up() { # the version that must answer within half a minute
  for _ in $(seq 60); do
    if curl -fsS "http://$rest/v1/models/$CHANGING/versions/$1" 2> /dev/null | grep -q AVAILABLE; then
      say "version $1 was taken up"
      return
    fi
    sleep 0.5
  done
  fail "version $1 was not taken up"
}

stop() { # the exit status that SIGTERM must end in
  docker stop --time 20 "${containers[-1]}" > /dev/null
  [ "$(docker inspect --format '{{.State.ExitCode}}' "${containers[-1]}")" = "$1" ] || fail "it did not end with status $1"
  say "stopped with status $1"
}

ls models/*/*/saved_model.pb > /dev/null 2>&1 || quietly triptych train
if docker compose version > /dev/null 2>&1; then
  docker compose -f docker/compose.yaml --profile local config --quiet
else
  say "docker/compose.yaml was not checked, since there is no \`docker compose\`"
fi

python=python:3.12-slim
if ! pulled $python; then
  say "$python cannot be pulled: a Debian stands in for it"
  debian
  python=triptych-standin:python
fi
build triptych-local --build-arg BASE=$python -f docker/local.Dockerfile .
cp -r models "$scratch/models"
chmod -R a+rX "$scratch"
run --volume "$scratch/models:/models:ro" triptych-local
ask
next=$(($(find "$scratch/models/$CHANGING" -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort -n | tail -n 1) + 1))
quietly triptych train "$CHANGING" --models "$scratch/models"
taken_up $next
quietly triptych rollback "$CHANGING" --models "$scratch/models"
taken_up $((next + 1))
ask
stop 0

serving=tensorflow/serving:2.20.0
status=137 # by SIGKILL: see STOPSIGNAL in docker/Dockerfile
if ! pulled $serving; then
  say "$serving cannot be pulled: the local server stands in for it, so this tries the image's files, flags and user only"
  build triptych-standin:serving --build-arg BASE=triptych-local docker/standin
  serving=triptych-standin:serving
fi
build triptych --build-arg BASE=$serving -f docker/Dockerfile .
run triptych
ask
stop $status
run triptych --enable_batching --batching_parameters_file=/etc/triptych/batching.config
ask
stop $status
say "passed"
