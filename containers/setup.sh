#!/usr/bin/env bash
# Make this machine ready: shared libraries (Vulkan on the CPU), then .venv from containers/requirements.lock.
#   containers/setup.sh           both; the second call costs less than a second
#   containers/setup.sh system    only the Debian packages, as root
#   containers/setup.sh latex     LaTeX for results/paper.pdf, as root; nothing else needs it (200 MB, about a minute)
#   containers/setup.sh browser   Chromium for the tests of the project page, as root; nothing else needs it (100 MB)
#   containers/setup.sh validators  others' validators of crates, metadata and CI files, for tests (350 MB)
# Safe to interrupt and to repeat: the mark that says "done" is written last.
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE # pip itself is slower without
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LOCK=containers/requirements.lock
MESA=24.3 # the first Mesa whose Vulkan on the CPU satisfies the simulator
LIBRARIES="libvulkan.so.1:libvulkan1 libGL.so.1:libgl1 libEGL.so.1:libegl1 libX11.so.6:libx11-6 libxcb.so.1:libxcb1
    libgthread-2.0.so.0:libglib2.0-0 libgomp.so.1:libgomp1"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# --- Debian packages ------------------------------------------------------------------------------------------

missing_libraries() { # prints the packages of the libraries that the loader does not find
    local known pair
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
    for pair in $LIBRARIES; do
        case $known in *"${pair%%:*} "*) ;; *) echo "${pair##*:}" ;; esac
    done
}

mesa_is_there() {
    [ -z "${VK_ICD_FILENAMES:-}${VK_DRIVER_FILES:-}" ] || return 0 # the user brings a driver
    if command -v dpkg-query >/dev/null; then
        local state
        state=$(dpkg-query -W -f '${db:Status-Status} ${Version}' mesa-vulkan-drivers 2>/dev/null) || return 1
        [ "${state%% *}" = installed ] && dpkg --compare-versions "${state##* }" ge "$MESA"
    else
        compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null
    fi
}

missing_packages() {
    missing_libraries
    mesa_is_there || echo mesa-vulkan-drivers
    missing_python
}

install_packages() { # as root; $* = packages
    export DEBIAN_FRONTEND=noninteractive
    local candidate release=()
    say "installing Debian packages: $*"
    apt-get update -qq || fail "apt-get update failed; mend the package sources of this machine, then run again"
    case " $* " in *" mesa-vulkan-drivers "*)
        candidate=$(apt-cache policy mesa-vulkan-drivers | awk '/Candidate:/ {print $2}')
        if ! dpkg --compare-versions "$candidate" ge "$MESA"; then
            add_backports
            release=(--target-release "$(codename)-backports")
        fi
        ;;
    esac
    apt-get install -y -qq --no-install-recommends "${release[@]}" "$@" >/dev/null ||
        fail "apt-get could not install: $*"
}

codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-unknown}"); }

add_backports() { # from the mirror that the machine already uses
    local suite mirror
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg file=/etc/apt/sources.list.d/muvla-backports.list
    suite=$(codename)
    ! apt-get indextargets --format '$(CODENAME)' | grep -qx "$suite-backports" || return 0
    mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | awk -v s="$suite" '$1 == s {print $2; exit}')
    [ -n "$mirror" ] || fail "no Debian mirror of $suite is configured; the simulator needs Mesa >= $MESA"
    [ -e "$keys" ] && keys="[signed-by=$keys] " || keys=
    say "Mesa of $suite is older than $MESA: adding $suite-backports in $file"
    echo "deb $keys$mirror $suite-backports main" >"$file"
    apt-get update -qq && return
    rm "$file"
    fail "the mirror $mirror has no $suite-backports; the simulator needs Mesa >= $MESA"
}

system() {
    local packages
    packages=$(missing_packages | sort -u | xargs)
    [ -n "$packages" ] || return 0
    command -v apt-get >/dev/null ||
        fail "missing (Debian's names; this system has no apt-get): $packages; Mesa must be $MESA or newer"
    [ "$(id -u)" = 0 ] ||
        fail "missing Debian packages: $packages. As root, run: bash $PWD/containers/setup.sh system"
    # shellcheck disable=SC2086 # a list of names
    install_packages $packages
    packages=$(missing_packages | sort -u | xargs)
    [ -z "$packages" ] || fail "still missing after installing: $packages (Mesa must be $MESA or newer)"
}

# lmodern, booktabs, siunitx with its translations, Helvetica Narrow
LATEX="texlive-latex-base texlive-latex-recommended texlive-latex-extra texlive-science texlive-fonts-recommended
    lmodern latexmk"

BROWSER="chromium"

not_installed() { # prints those of the packages $* that dpkg does not know as installed
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

extra() { # what only some purposes need, as root; $1 = this script's argument, then packages
    local packages name=$1
    shift
    command -v apt-get >/dev/null || fail "this system has no apt-get; install (Debian's names): $*"
    packages=$(not_installed "$@" | xargs)
    [ -n "$packages" ] || return 0
    [ "$(id -u)" = 0 ] || fail "missing Debian packages: $packages. As root, run: bash $PWD/containers/setup.sh $name"
    # shellcheck disable=SC2086 # a list of names
    install_packages $packages
}

# --- Python environment ---------------------------------------------------------------------------------------

find_python() { # prints a Python that the lock has wheels for, and fails when there is none
    local name
    for name in python3.11 python3; do
        "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue
        "$name" -c 'import sys; print(sys.executable)'
        return
    done
    return 1
}

missing_python() { # prints the packages that a virtual environment needs; Debian's Python comes without venv
    local python
    [ ! -x .venv/bin/python ] || return 0
    if ! python=$(find_python); then
        echo python3.11 python3.11-venv
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$(basename "$(readlink -f "$python")")-venv"
    fi
}

pin_of() { grep "^$1==" "$LOCK" | cut -d' ' -f1; } # $1 = package

SITE='.venv/lib/python3*/site-packages'

install_lock() { # $1 = environment, $2 = lock; one pip a core (at most four), for nearly all of it is computing
    local pips
    pips=$(nproc)
    rm -f "$1"/lock.*
    : >"$1/pip.log"
    # the lock's pip reads an index 2.4 times as fast as the one that comes with Python 3.11
    if grep ^pip== "$2" >"$1/pip.lock"; then
        pip_install "$1" "$1/pip.lock" || return 1
    fi
    # pip demands the SHA-256 of everything in a file whose lines have one. torch has none (containers/lock.py): which
    # build of it an index serves, for CPUs or for CUDA, is up to the machine.
    grep -e '--hash=' "$2" | grep -v ^pip== | split -n "r/$((pips < 4 ? pips : 4))" - "$1/lock."
    grep '^[^#]*==' "$2" | grep -v -e '--hash=' >"$1/lock.unhashed" || rm "$1/lock.unhashed"
    export -f pip_install
    # shellcheck disable=SC2016 # expanded by the inner shell
    printf '%s\n' "$1"/lock.* | xargs -P 5 -I{} bash -c 'pip_install "$@"' - "$1" {}
}

pip_install() { # $1 = environment, $2 = requirements
    "$1/bin/python" -m pip install --no-deps --no-compile --no-input --disable-pip-version-check --progress-bar off \
        -r "$2" >>"$1/pip.log" 2>&1
}

show_progress() { # while this script runs: a bar on the terminal, else a line now and then; $1 = packages
    local fetched unpacked done bar seconds=0
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        fetched=$(grep -cE '^(Collecting|Requirement already|Processing) ' .venv/pip.log || true)
        unpacked=$(compgen -G "$SITE/*.dist-info" | wc -l)
        done=$(((fetched + unpacked) * 30 / (2 * $1)))
        printf -v bar '%*s' "$((done < 30 ? done : 30))" ''
        if [ -t 2 ]; then
            printf '\rsetup: [%-30s] fetched %3d of %d, unpacked %3d ' "${bar// /#}" "$fetched" "$1" "$unpacked" >&2
        elif [ $((++seconds % 20)) = 0 ]; then
            say "fetched $fetched of $1, unpacked $unpacked"
        fi
    done
}

compile() { # bytecode of what runs here, on every core; without it each process parses torch's sources again
    say "compiling"
    # shellcheck disable=SC2086 # a pattern
    .venv/bin/python -m compileall -qq -j 0 -x '/tests?/|/transformers/models/(?!auto|llama)' $SITE || true
}

explain_pip() { # $1 = environment; ends the script
    grep -E '^ *(ERROR|error):?' "$1/pip.log" >&2 || true
    ! grep -q 'DO NOT MATCH THE HASHES' "$1/pip.log" ||
        fail "the index serves other files than those that were locked: see $1/pip.log. Where it builds packages itself," \
            "make a lock of your own with: python containers/lock.py"
    fail "pip failed, see $1/pip.log; what was installed stays, run the same command again to go on"
}

validators() {
    local python mark
    mark="$(sha256sum <containers/validators.lock | cut -d' ' -f1) $PWD"
    [ "$(cat .venv-validators/muvla-setup 2>/dev/null)" != "$mark" ] || return 0
    python=$(find_python) || fail "no Python 3.11 found; install it and put it on the PATH"
    rm -rf .venv-validators
    "$python" -m venv .venv-validators || fail "$python cannot make a virtual environment; install its venv module"
    say "installing $(grep -c '^[^#]*==' containers/validators.lock) packages from containers/validators.lock"
    install_lock .venv-validators containers/validators.lock || explain_pip .venv-validators
    echo "$mark" >.venv-validators/muvla-setup
}

environment() {
    local python mark packages
    mark="$(sha256sum <"$LOCK" | cut -d' ' -f1) $PWD" # a moved environment has broken scripts
    if [ -x .venv/bin/python ] && [ "$(cat .venv/muvla-setup 2>/dev/null)" = "$mark" ]; then
        return
    fi
    python=$(find_python) || fail "no Python 3.11 found; install it and put it on the PATH"
    if ! .venv/bin/python -c 'import pip' 2>/dev/null || ! grep -qxF "$PWD" .venv/muvla-home 2>/dev/null; then
        say "making .venv with $python"
        rm -rf .venv
        "$python" -m venv .venv || fail "$python cannot make a virtual environment; install its venv module"
        echo "$PWD" >.venv/muvla-home
    fi
    packages=$(grep -c '^[^#]*==' "$LOCK")
    say "installing $packages packages from $LOCK (1-3 minutes, 5 GB)"
    show_progress "$packages" & # in the background, so that Ctrl-C reaches the pips
    if ! install_lock .venv "$LOCK"; then
        kill $!
        explain_pip .venv
    fi
    kill $!
    [ ! -t 2 ] || printf '\r%80s\r' '' >&2
    compile
    if ! .venv/bin/python -c 'import torch' 2>/dev/null; then
        say "this build of torch needs CUDA's libraries, fetching them (3 GB; avoid it by pointing pip at a CPU build)"
        .venv/bin/python -m pip install -q --no-input --disable-pip-version-check "$(pin_of torch)" ||
            fail "torch cannot be made to work; point pip at a CPU build of $(pin_of torch) and run again"
    fi
    if [ -f pyproject.toml ]; then # an image has the packages only: rules run the working tree's muvla there
        .venv/bin/python -m pip install -q --no-deps --no-build-isolation --no-index --disable-pip-version-check -e . ||
            fail "pip could not install muvla from $PWD"
    fi
    echo "$mark" >.venv/muvla-setup
    say "ready"
}

case ${1:-all} in
    system) system ;;
    # shellcheck disable=SC2086 # lists of names
    latex) extra latex $LATEX ;;
    browser) extra browser $BROWSER ;;
    validators) validators ;;
    all) system && environment ;;
    *) fail "unknown argument '$1'; usage: containers/setup.sh [system|latex|browser|validators]" ;;
esac
