#!/usr/bin/env bash
# Makes an archive of the command with its own runtime, for machines without .NET: eng/make-archive.sh [RID] [FOLDER]
#
# RID is the platform, linux-x64 by default; FOLDER is archives by default. Everything is compiled ahead of time, so that
# a command starts at once. Prints the archive's path.
set -euo pipefail

cd "$(dirname "$0")/.."
rid=${1:-linux-x64}
folder=${2:-archives}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

dotnet publish src/Cli -c Release -r "$rid" --self-contained -p:PublishReadyToRun=true -o "$work/workflows" >&2
# Symbols and the documentation of types are for developers.
find "$work/workflows" -name '*.pdb' -delete -o -name 'Workflows.*.xml' -delete
mkdir -p "$folder"
tar -czf "$folder/workflows-$rid.tar.gz" -C "$work" workflows
echo "$folder/workflows-$rid.tar.gz"
