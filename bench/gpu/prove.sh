#!/usr/bin/env bash
# Proves a machine with an NVIDIA card, without a network: bash prove.sh PARTS RESULTS [SECONDS]
# PARTS is the folder that `npm run gpu:proof` has made. It needs tar and gzip.
set -euo pipefail
parts=$(realpath "$1")
mkdir -p "$2"
results=$(realpath "$2")
work=$(mktemp -d)
kit=$work/kit
mkdir "$work/bin"
gzip -dc "$parts/node.gz" > "$work/bin/node"
chmod +x "$work/bin/node"
export PATH=$work/bin:$PATH
cat "$parts"/part-* | node "$parts/unpack.mjs" | tar -xf - -C "$work"
# CUDA's libraries, as PyTorch's wheels bring them, and what was added to the kit.
site=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null || true)
libraries=$kit/lib
for folder in "$site"/nvidia/*/lib; do
  if [ -d "$folder" ]; then libraries=$libraries:$folder; fi
done
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export ORANGERY_CACHE=$work/cache
cd "$kit/main"
exec node bench/gpu/prove.ts "$results" "${3:-300}"
