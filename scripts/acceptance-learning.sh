#!/bin/sh
# What each objective learns with its default recipe from 20,000 points (a fifth of them held out): the relative Fisher divergence on 10,000
# fresh points, beside its limit. Some fifteen minutes on two cores.   usage: scripts/acceptance-learning.sh [SCOREFIELD]
set -eu
scorefield=${1:-target/release/scorefield}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
missed=0

# learn LIMIT DATA [flags of train …]
learn() {
  limit=$1 data=$2
  shift 2
  begun=$(date +%s)
  "$scorefield" train "$data" --rows 20000 --out "$folder/run" --quiet "$@" >/dev/null
  seconds=$(($(date +%s) - begun))
  sigma=$("$scorefield" fisher "$folder/run" "$data" --estimator explicit -n 10000 --json --quiet |
    python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["relative_fisher_divergence"], d["sigma"])')
  found=${sigma% *}
  verdict=$(python3 -c "print('good' if $found <= $limit else 'MISSED')")
  printf '%-64s %10.5f  limit %-6s %-6s %4d s\n' "$data $*" "$found" "$limit" "$verdict" "$seconds"
  [ "$verdict" = good ] || missed=$((missed + 1))
  rm -rf "$folder/run"
}

learn 0.001 density:mixture --objective explicit
learn 0.008 density:mixture --objective implicit
learn 0.008 density:mixture --objective sliced
learn 0.008 density:mixture --objective sliced-vr
learn 0.01 density:mixture --objective finite-difference
learn 0.03 density:mixture --objective sliced --net energy-mlp
learn 0.006 density:mixture --objective denoising --schedule single --sigma 0.3
learn 0.03 density:gaussian-10 --objective implicit
learn 0.03 density:gaussian-10 --objective sliced
learn 0.03 density:gaussian-10 --objective sliced-vr
for noise in laplace logistic student-t; do
  learn 0.02 density:mixture-1d --objective denoising --noise $noise --schedule single --sigma 0.5
done
echo "$missed missed"
[ "$missed" = 0 ]
