#!/usr/bin/env bash
# Short runs of the command from outside: what scripts rely on (JSON fields, exit codes, files) and what the README promises
# (resume to the same bits, samples that do not depend on how many are drawn, no partial file after a refusal). About half a
# minute, most of it `verify`.
#
#   scripts/acceptance-quick.sh [path of the scorefield binary]
set -euo pipefail
cd "$(dirname "$0")/.."
scorefield=$(realpath "${1:-target/release/scorefield}")
[ -x "$scorefield" ] || { echo "no binary at $scorefield: cargo build --release first" >&2; exit 2; }
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
unset "${!SCOREFIELD_@}"

passed=0 failed=0
ok() { passed=$((passed + 1)); }
no() { failed=$((failed + 1)); echo "FAILED: $1" >&2; [ -s err ] && sed 's/^/    /' err >&2 || true; }
# check SENTENCE COMMAND…: the command succeeds.
check() { local what=$1; shift; if "$@" > out 2> err; then ok; else no "$what"; fi; }
# same SENTENCE A B: two files hold the same bytes.
same() { check "$1" cmp "$2" "$3"; }
# json SENTENCE EXPRESSION ARGUMENT…: the command succeeds, prints one JSON document of our schema, and the expression over `d` holds.
json() {
  local what=$1 expression=$2; shift 2
  if "$scorefield" "$@" --json > out 2> err && python3 -c '
import json, math, sys
d = json.load(open("out"))
assert d["schema"] == "scorefield/1", d
assert eval(sys.argv[1]), d' "$expression" 2>> err; then ok; else no "$what"; fi
}
# refused SENTENCE FILE ARGUMENT…: exit code 2, one line and perhaps a hint on stderr, a JSON error under --json, and FILE is not made.
refused() {
  local what=$1 file=$2 code=0; shift 2
  "$scorefield" "$@" > out 2> err || code=$?
  if [ "$code" = 2 ] && [ -s err ] && [ "$(wc -l < err)" -le 2 ] && [ ! -e "$file" ]; then ok; else no "$what (exit code $code)"; fi
  code=0
  "$scorefield" "$@" --json > out 2> err || code=$?
  if [ "$code" = 2 ] && python3 -c '
import json
d = json.load(open("out"))
assert d["schema"] == "scorefield/1" and d["error"]["kind"] and d["error"]["message"], d' 2>> err; then ok; else no "$what, as JSON"; fi
}

small=(--width 32 --depth 1 --embedding 16 --batch 64 --warmup 5 --decay constant --ema 10 --log-every 10 --checkpoint-every 20)

echo "== what there is"
check "help is there" "$scorefield" --help
check "the version is there" "$scorefield" --version
json "doctor answers" 'd["verb"] == "doctor" and "cpu" in d["devices"]' doctor
for what in objectives samplers schedules noises nets densities metrics; do json "list $what answers" 'd["verb"] == "list"' list "$what"; done
for shell in bash zsh fish; do check "completions for $shell" "$scorefield" completions "$shell"; done

echo "== train, resume, repeat"
json "a short training" 'd["steps"] == 60 and d["parameters"] > 0 and math.isfinite(d["loss_first"]) and math.isfinite(d["loss_last"]) and d["samples_per_second"] > 0 and d["run"] == "whole" and d["seed"] == 3' \
  train toy:two-moons --out whole --steps 60 --seed 3 "${small[@]}"
json "its first part" 'd["steps"] == 40' train toy:two-moons --out parts --steps 40 --seed 3 "${small[@]}"
json "its second part" 'd["steps"] == 60' train --out parts --resume --steps 60
last=checkpoints/step-00000060
for file in model ema optimizer; do same "$file.safetensors is the same after a restart" whole/$last/$file.safetensors parts/$last/$file.safetensors; done
json "the recipe repeats the run" 'd["steps"] == 60' train --recipe whole/recipe.toml --out again
same "with the same weights" whole/$last/model.safetensors again/$last/model.safetensors
json "a dry run" 'd["parameters"] > 0' train digits --dry-run
[ "$(ls)" = "$(ls -d again err out parts whole)" ] && ok || no "a dry run writes nothing"
check "every setting is explained" "$scorefield" train digits --explain-config
json "runs are listed" 'd["verb"] == "runs"' runs .

echo "== sample"
json "samples" 'd["n"] == 100 and d["network_evaluations"] > 0 and d["samples_per_second"] > 0' sample whole -n 100 --seed 5 -o hundred.csv
json "fewer samples" 'd["n"] == 10' sample whole -n 10 --seed 5 -o ten.csv
json "more samples" 'd["n"] == 90' sample whole -n 90 --from 10 --seed 5 -o rest.csv
{ cat ten.csv; tail -n +2 rest.csv; } > joined.csv 2> err || true
same "ten samples and ninety more are the hundred" hundred.csv joined.csv
for sampler in heun annealed langevin; do
  extra=(); [ $sampler = langevin ] && extra=(--sigma 0.5 --epsilon 0.01)
  json "sampler $sampler" 'd["network_evaluations"] > 0' sample whole -n 20 --sampler $sampler --steps 5 "${extra[@]}" -o $sampler.npy
done
for file in picture.png picture.svg table.parquet; do json "samples as $file" 'd["n"] == 50' sample whole -n 50 -o $file; done

for sampler in ddim dpmpp-2m pf-ode euler-maruyama predictor-corrector; do
  json "sampler $sampler on the exact mixture" 'd["n"] == 50 and abs(sum(d["mode_weights"]) - 1) < 1e-6' sample density:mixture -n 50 --sampler $sampler -o $sampler.npy
done
for sampler in mala hmc underdamped tempering; do
  json "chains of $sampler are judged" 'd["n"] == 64 and d["ess_per_second"] > 0' sample density:gaussian -n 64 --sampler $sampler --steps 200 -o $sampler.npy
done
printf 'kind = "formula"\ndimension = 2\nlog_density = "-(1 - x[0])^2 / 20 - (x[1] - x[0]^2)^2"\n' > banana.toml
json "a density of one's own" 'd["n"] == 30' sample density:banana.toml -n 30 --steps 50 -o banana.npy
printf 'kind = "formula"\ndimension = 1\nstart = [1.0]\nlog_density = "log(x0) - x0"\n' > half.toml
check "chains that begin where there is nothing are no samples" sh -c '! "$1" sample density:half.toml -n 20 --sampler mala --start uniform:-2:-1' sh "$scorefield"
json "a file is made again, byte for byte" 'd["equal"]' reproduce banana.npy

echo "== likelihood, latents, evaluation"
json "likelihood beside the exact one" 'd["mean_absolute_error"] < 1e-3 and d["standard_error"] > 0 and "bits_per_dim" in d' likelihood density:gaussian ddim.npy -o log_prob.npy
json "latents" 'd["n"] == 50' encode density:mixture ddim.npy -o z.npy
json "and back" 'd["n"] == 50' decode density:mixture z.npy -o again.npy
# The file holds latents in single precision, and between the modes the flow spreads its rounding.
check "to the same points" python3 -c '
import struct
def points(name):
    raw = open(name, "rb").read(); n = struct.unpack("<H", raw[8:10])[0]
    return struct.unpack("<100f", raw[10 + n:10 + n + 400])
assert max(abs(a - b) for a, b in zip(points("ddim.npy"), points("again.npy"))) < 1e-2'
json "a perfect sample and its figures" 'all(k in d for k in ["mmd", "sliced_wasserstein", "energy_distance", "c2st", "precision", "recall", "density", "coverage", "mode_weights"]) and d["c2st"] < 0.6' \
  evaluate density:mixture --against density:mixture -n 200
refused "an unknown figure" no evaluate density:mixture --against density:mixture --only fid
refused "a formula with an error" no.npy sample density:no.toml -n 5 -o no.npy

echo "== images"
json "a U-Net" 'd["steps"] == 3' train digits --out unet --net unet --width 16 --depth 1 --steps 3 --batch 8
json "goes to diffusers" 'd["verb"] == "export"' export unet --format diffusers diffusers
json "and comes back" 'd["verb"] == "import"' import diffusers --out back
json "and draws" 'd["n"] == 4' sample back -n 4 --steps 3 -o back.png
echo "not a model" > diffusers/diffusion_pytorch_model.safetensors
refused "weights that are none" no import diffusers --out no

echo "== score, denoise, compare with the truth"
json "scores" 'd["n"] == 100' score whole hundred.csv --sigma 0.2 -o scores.npy
json "a field of arrows" 'd["verb"] == "score"' score density:mixture --sigma 0.5 --picture field.png
json "denoising" 'd["n"] == 100' denoise whole hundred.csv --sigma 0.2 -o clean.csv
json "draws of an exact density" 'd["n"] == 200' sample density:mixture -n 200 --sampler annealed --sigma-max 20 --sigma-min 1 --levels 10 --steps 20 --start uniform:-8:8 -o exact.npy
json "the exact score has no Fisher divergence" 'd["relative_fisher_divergence"] < 1e-9' fisher density:mixture density:mixture --sigma 1 -n 500
for file in scores.npy field.png clean.csv exact.npy; do check "$file is there" test -s $file; done

echo "== other objectives, energies, proofs"
json "sliced score matching without noise" 'd["held_out_best"] < 0' train density:mixture --out sliced --objective sliced --rows 2000 --steps 300
json "its held-out loss" 'd["loss"] < 0 and d["relative_fisher_divergence"] < 0.5' fisher sliced density:mixture --estimator implicit -n 2000
json "an energy network" 'd["steps"] == 100' train toy:two-moons --out energy --objective sliced --net energy-mlp --steps 100
json "its log-density" 'd["n"] == 100' score energy hundred.csv --energy --picture energy.png -o energy.npy
json "Laplace noise" 'd["steps"] == 20' train density:mixture-1d --out laplace --noise laplace --schedule single --sigma 0.5 --steps 20
json "a training step, measured" 'd["seconds_per_step"] > 0' bench --only objectives-peers --case sliced-128 --steps 20
echo "== closed forms"
json "every check of verify passes" 'd["failed"] == 0 and d["passed"] == len(d["checks"]) > 300 and all(c["pass"] and abs(c["measured"] - c["expected"]) <= c["tolerance"] for c in d["checks"])' verify
json "one projection is verified alone" 'd["failed"] == 0 and 0 < d["passed"] < 300 and {"name", "expected", "measured", "standard_error", "tolerance", "pass"} <= set(d["checks"][0])' verify --only sphere
refused "an unknown name to verify" no verify --only slicd

json "two claims of the lecture" 'd["agreed"] == 2 and d["disagreed"] == 0 and all(f["agrees"] for c in d["claims"] for f in c["figures"])' lecture --quick --only normaliser --only tweedie --out lecture
refused "a claim that is none" no lecture --only slow-mixin --out no

echo "== refusals"
refused "the energy of a score network" no.npy score sliced hundred.csv --energy -o no.npy
refused "a ladder of levels where there is no noise" no.npy sample sliced -n 5 --sampler heun -o no.npy
refused "denoising without noise" no train toy:two-moons --out no --schedule single --sigma 0
refused "the true score of data that have none" no train toy:two-moons --out no --objective explicit
refused "a level that is not positive" no.npy denoise whole hundred.csv --sigma -1 -o no.npy
refused "no samples" no.npy sample whole -n 0 -o no.npy
refused "a run that is not there" no.npy sample nowhere -n 5 -o no.npy
refused "an unknown sampler" no.npy sample whole -n 5 --sampler hewn -o no.npy
refused "an unknown source" no train toy:two-mons --out no
refused "a device that is not built in" no train toy:two-moons --out no --device cuda
refused "an unknown verb" no trian
refused "a run that is there already" no train toy:two-moons --out whole
refused "a resume with a changed setting" no train --out whole --resume --width 64
printf '[train]\nstep = 5\n' > misspelt.toml
refused "a misspelt key" no train toy:two-moons --recipe misspelt.toml --out no
printf 'a,b\n1,2\n3,four\n' > text.csv
refused "a text cell" no train text.csv --out no

echo "acceptance: $passed passed, $failed failed"
[ "$failed" = 0 ]
