#!/usr/bin/env bash
# bundle.sh results: publish trained checkpoints. Copies results/checkpoints to checkpoints/mini and
# results/libero/checkpoints to checkpoints/mini/libero, and makes dvcstore/, data.dvc and config/checkpoints.sha256 anew;
# all three are then to be committed. Of a benchmark that was not trained, what is bundled stays. `make bundle` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$PWD/.venv/bin/python
results=$1
bundled=checkpoints/mini
limit_mb=60 # of the DVC store, which lies in git

for folder in "$results"/checkpoints/*/ "$results"/libero/checkpoints/*/; do
    [ ! -d "$folder" ] || [ -f "$folder/provenance.json" ] ||
        { echo "bundle: $folder has no provenance.json: not finished" >&2; exit 1; }
done
"$python" -m dvc pull --quiet --force data.dvc # what stays
if [ -d "$results/checkpoints" ]; then
    find "$bundled" -mindepth 1 -maxdepth 1 ! -name libero -exec rm -rf {} +
    cp -r "$results"/checkpoints/*/ "$bundled"
fi
if [ -d "$results/libero/checkpoints" ]; then
    rm -rf "$bundled/libero"
    mkdir "$bundled/libero"
    cp -r "$results"/libero/checkpoints/*/ "$bundled/libero"
fi
# An evaluation that is told no source takes what the folder says of itself.
find "$bundled" -name provenance.json -exec \
    sed -i 's/"checkpoint_source": "trained"/"checkpoint_source": "bundled"/' {} +
rm -rf dvcstore
printf 'outs:\n- path: %s\n' "$bundled" >data.dvc
"$python" -m dvc commit --quiet --force data.dvc
"$python" -m dvc push
"$python" -m muvla.manifest write "$bundled" config/checkpoints.sha256
size=$(du -sm dvcstore | cut -f1)
[ "$size" -le "$limit_mb" ] || { echo "bundle: dvcstore/ takes $size MB, more than $limit_mb" >&2; exit 1; }
echo "bundle: dvcstore/ takes $size MB; commit data.dvc, config/checkpoints.sha256 and dvcstore/"
