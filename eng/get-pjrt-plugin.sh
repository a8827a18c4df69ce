#!/usr/bin/env bash
# Brings a PJRT plugin: eng/get-pjrt-plugin.sh cpu|libtpu|cuda
#
# Takes one pinned wheel from the Python package index, compares its sha256, and puts the shared library that is in it into
# ~/.cache/workflows/pjrt (or $WORKFLOWS_PJRT_FOLDER), where the worker finds it. Needs curl and unzip, and no Python.
# An index elsewhere: WORKFLOWS_WHEEL_INDEX, the address of its "simple" pages.
set -euo pipefail

fail() {
  echo "get-pjrt-plugin: $1" >&2
  exit 1
}

# The sha256 of a library that is known is pinned here; for the others the index's own sum of the wheel is compared.
case "${1:-}" in
  cpu)
    package=lammps-jax-pjrt-cpu version=0.11.2 library=pjrt_c_api_cpu_plugin.so licence="Apache-2.0"
    pinned=ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2 ;;
  libtpu)
    package=libtpu version=0.0.51 library=libtpu.so pinned=""
    licence="the Google Cloud Platform Terms of Service: use it here, do not pass it on" ;;
  cuda)
    package=jax-cuda13-pjrt version=0.12.0.1 library=xla_cuda_plugin.so pinned="" licence="Apache-2.0" ;;
  *)
    echo "Usage: eng/get-pjrt-plugin.sh cpu|libtpu|cuda" >&2
    exit 2 ;;
esac
pinned=${WORKFLOWS_PJRT_SHA256:-$pinned}
index=${WORKFLOWS_WHEEL_INDEX:-https://pypi.org/simple}
folder=${WORKFLOWS_PJRT_FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/workflows/pjrt}
target=$folder/$library

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

for tool in curl unzip sha256sum; do
  command -v "$tool" >/dev/null || fail "'$tool' is missing: install it first."
done
[ "$(uname -sm)" = "Linux x86_64" ] || fail "the plugins are for Linux on x86-64; this is $(uname -sm)."

if [ -f "$target" ] && [ -n "$pinned" ] && [ "$(sum "$target")" = "$pinned" ]; then
  echo "$target is there already."
  exit 0
fi

echo "Looking for $package $version at $index"
page=$(curl -fsSL --retry 2 --connect-timeout 20 "$index/$package/") \
  || fail "cannot read $index/$package/. Without a network, copy $library to $target by hand."

# One line a link: address, then "#sha256=" and the sum.
name=${package//-/_}-$version-
link=$(printf '%s' "$page" | tr '<' '\n' | sed -n 's/.*href="\([^"]*\)".*/\1/p' \
  | grep -F "/$name" | grep -E 'manylinux[^#]*x86_64\.whl#sha256=[0-9a-f]{64}' | head -n 1) || true
[ -n "$link" ] || fail "$index/$package/ has no wheel of version $version for Linux on x86-64."
address=${link%%#*} wheel_sum=${link##*#sha256=}
case "$address" in
  *://*) ;;
  *) address=$index/$package/$address ;;
esac

mkdir -p "$folder"
work=$(mktemp -d "$folder/.unfinished-XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "Downloading $address (licence: $licence)"
curl -fL --retry 2 --connect-timeout 20 -o "$work/wheel" "$address" || fail "the download broke off."
[ "$(sum "$work/wheel")" = "$wheel_sum" ] \
  || fail "the wheel's sha256 is $(sum "$work/wheel"), the index says $wheel_sum. Nothing was installed."

member=$(unzip -Z1 "$work/wheel" | grep -E "(^|/)$library\$" | head -n 1) || true
[ -n "$member" ] || fail "the wheel has no $library in it."
unzip -p "$work/wheel" "$member" > "$work/$library"
if [ -n "$pinned" ] && [ "$(sum "$work/$library")" != "$pinned" ]; then
  fail "the sha256 of $library is $(sum "$work/$library"), wanted $pinned. Nothing was installed."
fi

mv -f "$work/$library" "$target"
echo "Installed $target, sha256 $(sum "$target")"
echo "Use it: export WORKFLOWS_PJRT_PLUGIN=$target"
