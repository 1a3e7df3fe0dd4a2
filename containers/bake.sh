#!/usr/bin/env bash
# bake.sh: inside an image, while it is built: what programs would otherwise download in the middle of a run. Nothing
# here is needed on a CPU, so a network that does not reach it is no error; what is then missing is said.
set -uo pipefail
folder=/opt/muvla
python=$folder/.venv/bin/python

say() { printf 'bake: %s\n' "$*" >&2; }

physx() { # SAPIEN's PhysX for CUDA, 236 MB
    local version url target
    version=$("$python" -c 'import sapien.physx as p; print(p.version())' 2>/dev/null) || {
        say "PhysX for GPUs is NOT inside: this SAPIEN cannot be imported or does not tell its PhysX version"
        return
    }
    url=https://github.com/sapien-sim/physx-precompiled/releases/download/$version/linux-so.zip
    target=$folder/physx/$version
    mkdir -p "$target"
    if "$python" - "$url" "$target" <<'PYTHON'
import io, sys, urllib.request, zipfile
try:
    with urllib.request.urlopen(sys.argv[1], timeout=60) as answer:
        zipfile.ZipFile(io.BytesIO(answer.read())).extractall(sys.argv[2])
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(f"bake: {error}")
PYTHON
    then
        say "PhysX $version for GPUs is inside"
    else
        rm -rf "$target"
        say "PhysX for GPUs is NOT inside: $url was not reached. Before backend=gpu runs, fetch it once into your" \
            "home: python -c 'import sapien.physx; sapien.physx.enable_gpu()'"
    fi
}

mug() { # the YCB objects of ManiSkill, for the three ShellGame environments, 86 MB
    mkdir -p "$folder/assets"
    if MS_ASSET_DIR=$folder/assets MS_SKIP_ASSET_DOWNLOAD_PROMPT=1 HOME=/tmp \
        timeout 600 "$python" -m mani_skill.utils.download_asset ycb -y </dev/null >/tmp/bake.log 2>&1; then
        say "ManiSkill's YCB objects are inside"
    else
        say "ManiSkill's YCB objects are NOT inside ($(tail -n 1 /tmp/bake.log)). ShellGame environments need them:" \
            "set MS_ASSET_DIR to a folder that has them, or use standin_mug=true"
    fi
    rm -f /tmp/bake.log
}

physx
mug
