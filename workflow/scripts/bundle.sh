#!/usr/bin/env bash
# bundle.sh results: publish what was trained and evaluated. Copies <results>/<home>checkpoints to checkpoints/mini/<home>
# (home: nothing, seed1/, libero/, ...), packs the records that these policies made into checkpoints/mini/records.tar.xz,
# and makes dvcstore/, data.dvc, config/checkpoints.sha256, config/records.csv and the counts in README and docs/ anew; all
# of it is then to be committed.
# Of a home that was not trained, what is bundled stays; records stay as long as their policy does. May be repeated after
# every stage. `make bundle` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$PWD/.venv/bin/python
results=$1
bundled=checkpoints/mini
limit_mb=100 # of the DVC store, which lies in git

shopt -s nullglob
homes=()
for home in "" libero/ "$results"/seed*/ "$results"/seed*/libero/; do
    home=${home#"$results/"}
    folders=("$results/$home"checkpoints/*/)
    [ ${#folders[@]} -eq 0 ] || homes+=("$home")
    for folder in "${folders[@]}"; do
        [ -f "$folder/provenance.json" ] || { echo "bundle: $folder has no provenance.json: not finished" >&2; exit 1; }
    done
done
"$python" -m dvc pull --quiet --force data.dvc # what stays
for home in ${homes[@]+"${homes[@]}"}; do
    mkdir -p "$bundled/$home"
    find "$bundled/$home" -mindepth 1 -maxdepth 1 -type d ! -name libero ! -name 'seed*' -exec rm -rf {} +
    cp -r "$results/$home"checkpoints/*/ "$bundled/$home"
done
# An evaluation that is told no source takes what the folder says of itself.
find "$bundled" -name provenance.json -exec \
    sed -i 's/"checkpoint_source": "trained"/"checkpoint_source": "bundled"/' {} +
"$python" -m muvla.jobs.pack "$results"
rm -rf dvcstore
printf 'outs:\n- path: %s\n' "$bundled" >data.dvc
"$python" -m dvc commit --quiet --force data.dvc
"$python" -m dvc push
"$python" -m muvla.manifest write "$bundled" config/checkpoints.sha256
"$python" -m muvla.jobs.stated
size=$(du -sm dvcstore | cut -f1)
[ "$size" -le "$limit_mb" ] || { echo "bundle: dvcstore/ takes $size MB, more than $limit_mb" >&2; exit 1; }
echo "bundle: dvcstore/ takes $size MB; commit data.dvc, dvcstore/, config/ and the documents"
