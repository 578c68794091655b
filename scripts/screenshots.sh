#!/usr/bin/env bash
# Makes the pictures of the README and the documentation: the report, light and dark, and the replay screen, all from
# sample-captures/workday.parquet.
#
#   scripts/screenshots.sh [NETREC] [FOLDER]
#
# NETREC is the program (default: target/release/netrec), FOLDER where the pictures go (default: docs/images).
# Needs chromium, tmux and python3.
set -euo pipefail
cd "$(dirname "$0")/.."

netrec=$(realpath "${1:-target/release/netrec}")
images=$(realpath -m "${2:-docs/images}")
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
work=$(mktemp -d)
trap 'tmux -S "$work/tmux" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$images"

# The moment that is shown: in the middle of the port scan.
moment=21:58:13

picture() { # URL WIDTH HEIGHT FILE SCHEME (0 is dark, 1 is light)
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/browser" \
    --force-device-scale-factor=1 --blink-settings=preferredColorScheme="$5" --window-size="$2,$3" \
    --virtual-time-budget=5000 --screenshot="$4" "$1" 2>"$work/browser.log"
  # A picture of nothing is a few kilobytes.
  [ "$(stat -c %s "$4")" -gt 10000 ] || { echo "$4 shows nothing; see $work/browser.log" >&2; exit 1; }
}

cp sample-captures/workday.parquet "$work/"
(cd "$work" && "$netrec" analyze workday.parquet --quiet)
picture "file://$work/workday-report/report.html" 1280 600 "$images/report-light.png" 1
picture "file://$work/workday-report/report.html" 1280 600 "$images/report-dark.png" 0

# The screen, as a terminal of 126 × 28 shows it. Its detectors take a moment to mark the timeline.
columns=126 rows=28
tmux -S "$work/tmux" -f /dev/null new-session -d -x $columns -y $rows -c "$work" \
  "TERM=tmux-256color COLORTERM=truecolor LANG=C.UTF-8 '$netrec' replay workday.parquet --at $moment"
for _ in $(seq 100); do
  sleep 0.2
  tmux -S "$work/tmux" capture-pane -p -e >"$work/screen.ansi"
  if grep -q Connections "$work/screen.ansi" && [ "${ready:=0}" -ge 15 ]; then break; fi
  ready=$((${ready:-0} + 1))
done
python3 scripts/ansi-to-html.py <"$work/screen.ansi" >"$work/screen.html"
picture "file://$work/screen.html" 1092 532 "$images/replay.png" 0
ls -l "$images"
