#!/usr/bin/env bash
# What a page looks like on a phone (390 px) and on a desk (1280 px): two PNG files beside each other, whole pages.
# Needs Chromium. The page stands in a frame of the wanted width, since Chromium's own windows have a least width.
#
#   scripts/screenshots.sh PAGE.html OUT_DIR [HEIGHT]
set -euo pipefail
page=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
height=${3:-16000}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
for width in 390 1280; do
  printf '<!DOCTYPE html><body style="margin:0"><iframe src="file://%s" style="border:0;width:%spx;height:%spx"></iframe></body>' \
    "$page" "$width" "$height" > "$here/frame.html"
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files --user-data-dir="$here/profile" \
    --window-size="$((width < 500 ? 500 : width)),$height" --screenshot="$out/$(basename "$page" .html)-$width.png" "file://$here/frame.html" 2> /dev/null
done
ls -l "$out"
