#!/usr/bin/env bash
# bundle.sh results/checkpoints: publish trained checkpoints. Copies them to checkpoints/mini, and makes dvcstore/,
# data.dvc and config/checkpoints.sha256 anew; all three are then to be committed. `make bundle` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH=$PWD/.venv/bin:$PATH PYTHONPATH=$PWD/workflow
trained=$1
bundled=checkpoints/mini
limit_mb=60 # of the DVC store, which lies in git

for folder in "$trained"/*/; do
    [ -f "$folder/provenance.json" ] || { echo "bundle: $folder has no provenance.json: not finished" >&2; exit 1; }
done
rm -rf "$bundled" dvcstore
mkdir -p "$bundled"
cp -r "$trained"/*/ "$bundled"
printf 'outs:\n- path: %s\n' "$bundled" >data.dvc
dvc commit --quiet --force data.dvc
dvc push
python -m muvla.manifest write "$bundled" config/checkpoints.sha256
size=$(du -sm dvcstore | cut -f1)
[ "$size" -le "$limit_mb" ] || { echo "bundle: dvcstore/ takes $size MB, more than $limit_mb" >&2; exit 1; }
echo "bundle: dvcstore/ takes $size MB; commit data.dvc, config/checkpoints.sha256 and dvcstore/"
