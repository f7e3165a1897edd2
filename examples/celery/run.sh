#!/bin/sh
# Runs it all: a Redis, a worker of Orangery, and a Python program that sends it photos.
#
#   sh examples/celery/run.sh
#
# Needs Node, and Python 3 with venv. REDIS_URL names a Redis of yours; without it, redis-server is
# started. PYTHON names a Python that has celery[redis]; otherwise a new environment gets it.
# Everything that is made is in a folder that is removed at the end.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
started=""
export PYTHONDONTWRITEBYTECODE=1

finish() {
  status=$?
  trap - EXIT
  # The worker first: it gives back to Redis what it has not done.
  for process in $started; do
    kill "$process" 2>/dev/null && wait "$process" || true
  done
  if [ "$status" = 1 ] && [ -f "$folder/worker.log" ]; then cat "$folder/worker.log" >&2; fi
  rm -rf "$folder"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Celery.
python=${PYTHON:-python3}
if ! "$python" -c "import celery, redis" 2>/dev/null; then
  "$python" -m venv "$folder/venv"
  python=$folder/venv/bin/python
  "$python" -m pip install --quiet --disable-pip-version-check "celery[redis]>=5.3,<5.8"
fi

# Redis, on a port that is free.
if [ -z "${REDIS_URL:-}" ]; then
  port=$(node -p "const s = require('net').createServer().listen(0); const { port } = s.address(); s.close(); port")
  redis-server --port "$port" --bind 127.0.0.1 --save "" --dir "$folder" >"$folder/redis.log" &
  started=$!
  export REDIS_URL="redis://127.0.0.1:$port/0"
fi

# Orangery: in a checkout it is built first; in a project it is installed.
if [ -f ../../scripts/bundle.ts ]; then
  [ -d ../../node_modules ] || npm --prefix ../.. ci
  [ -d ../../dist ] || npm --prefix ../.. run bundle
  orangery="node ../../bin/orangery.js"
else
  orangery=../../node_modules/.bin/orangery
fi
$orangery worker --broker "$REDIS_URL" --celery-task tasks.count=./count-plants.ts 2>"$folder/worker.log" &
started="$! $started"

"$python" send.py
