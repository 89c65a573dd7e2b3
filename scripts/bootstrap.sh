#!/bin/sh
# Makes every npm command work as the first one after `git clone`: installs what package-lock.json names, unless it is there.
# The package `node` among it puts Node 24 first on the PATH of npm's scripts, whatever Node runs npm itself.
set -e
cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "modelyard: installing dependencies (once, about a minute)"
  npm ci --loglevel=error
  touch node_modules/.package-lock.json
fi
