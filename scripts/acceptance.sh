#!/usr/bin/env bash
# What the project promises of its main job, measured with the command: digits, denoising, the exact mixture, annealed against plain
# Langevin, MNIST under kill -9, a full disk, the time to the first step. About ten minutes on two cores; prints every figure.
#
#   scripts/acceptance.sh [DATA_DIR with mnist/] [scorefield binary]
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-}
scorefield=$(realpath "${2:-target/release/scorefield}")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
say() { printf '\n== %s\n' "$*"; }

say "demo: digits drawn, judged and denoised"
/usr/bin/time -f 'seconds %e, peak memory %M KiB' "$scorefield" demo --out "$out/demo" --quiet

say "the mixture learned by denoising, against its exact smoothed score"
"$scorefield" train density:mixture --out "$out/mixture" --quiet | head -n 1
"$scorefield" fisher "$out/mixture" density:mixture --estimator explicit -n 10000 --sigma 0.5 --sigma 1 --sigma 2 --sigma 5

say "exact score, 1,280 chains from U[-8, 8]²: annealed finds the weights, plain Langevin does not"
"$scorefield" sample density:mixture -n 1280 --start uniform:-8:8 --sampler annealed --sigma-max 20 --sigma-min 1 --levels 10 --steps 100
"$scorefield" sample density:mixture -n 1280 --start uniform:-8:8 --sampler langevin --steps 1000 --epsilon 0.1

say "seven starts of train toy:two-moons to the end of its first step, the whole process"
for i in 1 2 3 4 5 6 7; do
  rm -rf "$out/moons"
  /usr/bin/time -f '%e s' "$scorefield" train toy:two-moons --out "$out/moons" --steps 1 --quiet > /dev/null
done

if [ -n "$data" ]; then
  say "MNIST: twenty kills -9, half of them inside a checkpoint write, against an undisturbed run"
  python3 scripts/kill_resume.py --binary "$scorefield" --out "$out/kill" -- \
    mnist --net mlp --data-dir "$data" --steps 200 --batch 64 --checkpoint-every 10 --log-every 5
  "$scorefield" sample "$out/kill/killed" -n 64 -o "$out/mnist.png" | head -n 1
fi

if [ "$(id -u)" = 0 ] && mkdir "$out/small" && mount -t tmpfs -o size=1m tmpfs "$out/small" 2> /dev/null; then
  say "a full disk (tmpfs of 1 MiB): exit code 2, one line, nothing half-written"
  code=0; "$scorefield" train toy:two-moons --out "$out/small/run" --steps 5 --quiet || code=$?
  echo "train: exit code $code; left behind: $(find "$out/small" -mindepth 1 | wc -l) files"
  code=0; "$scorefield" sample density:mixture -n 200000 --steps 1 -o "$out/small/x.npy" --quiet || code=$?
  echo "sample: exit code $code; left behind: $(find "$out/small" -mindepth 1 | wc -l) files"
  umount "$out/small"
fi
