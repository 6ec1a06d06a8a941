#!/usr/bin/env bash
# Runs every command of the documentation: the ```sh blocks of each page, in a folder of the page's own. Training is cut to a few steps by a
# variable, so that the commands are those that a reader types. A comment `<!-- sh … -->` holds commands that only this script needs, such as
# making the file that a reader would bring; a comment `<!-- file: NAME -->` saves the block after it under that name.
#
#   scripts/docs-commands.sh [path of the scorefield binary] [PAGE…]
set -euo pipefail
cd "$(dirname "$0")/.."
scorefield=$(realpath "${1:-target/release/scorefield}")
[ -x "$scorefield" ] || { echo "no binary at $scorefield: cargo build --release first" >&2; exit 2; }
shift || true
asked=("$@") pages=("$@")
[ "${#pages[@]}" -gt 0 ] || mapfile -t pages < <(find docs -name '*.md' -not -path 'docs/decisions/*' -not -path 'docs/reference/*' | sort)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
mkdir "$here/bin"
ln -s "$scorefield" "$here/bin/scorefield"
unset "${!SCOREFIELD_@}"
export PATH="$here/bin:$PATH" SCOREFIELD_QUIET=1 SCOREFIELD_STEPS=40 SCOREFIELD_WARMUP=5 SCOREFIELD_CHECKPOINT_EVERY=20 SCOREFIELD_EMA=10
passed=0 failed=0
for page in "${pages[@]}"; do
  folder="$here/$(echo "$page" | tr / _)"
  mkdir "$folder"
  python3 - "$page" > "$folder/commands" <<'END'
import re, sys
text = open(sys.argv[1]).read()
for m in re.finditer(r"^<!-- sh\n(.*?)^-->$|(?:^<!-- file: (\S+) -->\n)?^```(\S*)\n(.*?)^```$", text, re.S | re.M):
    hidden, name, kind, block = m.groups()
    if hidden is not None:
        print(hidden)
    elif name:
        print(f"cat > {name} <<'END_OF_FILE'\n{block}END_OF_FILE")
    elif kind == "sh":
        print(block)
END
  [ -s "$folder/commands" ] || continue
  n=$(grep -c '^scorefield ' "$folder/commands" || true)
  if (cd "$folder" && bash -eu commands > out 2> err); then
    passed=$((passed + n))
  else
    failed=$((failed + 1))
    echo "FAILED: $page" >&2
    tail -n 5 "$folder/err" >&2
  fi
done
# Every page that the table of contents names is there, and every page is named.
for page in $(grep -o '([^)]*\.md)' docs/SUMMARY.md | tr -d '()'); do
  if [ -f "docs/$page" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: docs/SUMMARY.md names $page" >&2; fi
done
for page in "${pages[@]}"; do
  for link in $(grep -o '](\([^)#:]*\))' "$page" | sed 's/^](//; s/)$//'); do
    if [ -e "$(dirname "$page")/$link" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $page links to $link" >&2; fi
  done
done
# Every claim of the lecture is put to the test on some page, so that CI need not run the lecture once more.
if [ "${#asked[@]}" = 0 ]; then
  for claim in $(scorefield list claims --json | python3 -c 'import json, sys; print(*(c["name"] for c in json.load(sys.stdin)["entries"]))'); do
    if grep -rqE "^scorefield lecture --quick .*--only $claim( |$)" docs; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: no page runs the claim $claim" >&2; fi
  done
fi
echo "acceptance: $passed passed, $failed failed"
[ "$failed" = 0 ]
