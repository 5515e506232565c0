#!/bin/sh
# This source tree -> inkgate in a virtual environment of its own, its command on the path, completion for bash.
set -eu

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--bin DIR] [--python PYTHON] [--runtime NAME]
       ./install.sh --uninstall [--prefix DIR]

Install the gate, without TensorFlow, on 64-bit Raspberry Pi OS 12, Debian 12 or 13. Run it again to update.

  --prefix DIR      where inkgate lives: /opt/inkgate as root, else ~/.local/share/inkgate
  --bin DIR         where the command is linked: /usr/local/bin as root, else ~/.local/bin
  --python PYTHON   the interpreter, 3.10 or newer; by default python3
  --runtime NAME    what runs the network: ai-edge-litert, or tflite-runtime on Python 3.11
  --uninstall       remove what was installed; users, keys and journals stay
END
}

WRONG_SYSTEM=2
NOT_INSTALLED=1
MARKER=.inkgate-installed # lies in the prefix, from the first on, and lists what is put elsewhere
PACKED="pyproject.toml README.md LICENSE inkgate.py train quantize edge firmware_bridge"
NEWEST_FIRST="python3 python3.13 python3.12 python3.11 python3.10"

say() { printf '%s\n' "$*"; }

fail() { # EXIT_CODE SENTENCE...
    code=$1
    shift
    printf 'error: %s\n' "$*" >&2
    exit "$code"
}

value_of() { # OPTION [VALUE]
    [ -n "${2:-}" ] || fail "$WRONG_SYSTEM" "$1 wants a value: ./install.sh --help"
    printf '%s' "$2"
}

absolute() {
    case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$(pwd)" "$1" ;;
    esac
}

check_system() {
    getconf GNU_LIBC_VERSION >/dev/null 2>&1 || fail "$WRONG_SYSTEM" \
        "this system has no GNU C library (musl, as in Alpine, or no Linux): LiteRT, which runs the network, comes for" \
        "glibc only. Use Raspberry Pi OS (64-bit), Debian 12 or newer, or a container of one of them."
    [ "$(getconf LONG_BIT)" = 64 ] || fail "$WRONG_SYSTEM" \
        "this is a 32-bit system ($(uname -m)): LiteRT, which runs the network, comes for 64 bit only. Write Raspberry" \
        "Pi OS (64-bit) to the card, which a Pi 3, 4, 5 and a Zero 2 W run; a Pi 1, a Pi 2 before 1.2 and a Zero cannot."
    case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "$WRONG_SYSTEM" "no interpreter comes for this processor ($(uname -m)): use x86-64 or 64-bit Arm (aarch64)." ;;
    esac
}

version_of() { # PYTHON -> "BITS MAJOR MINOR", or nothing where it does not run
    "$1" -c 'import struct, sys; print(struct.calcsize("P") * 8, *sys.version_info[:2])' 2>/dev/null || true
}

is_fit() { # BITS MAJOR MINOR
    [ $# -eq 3 ] && [ "$1" = 64 ] && [ "$2" = 3 ] && [ "$3" -ge 10 ]
}

find_python() {
    for candidate in ${asked_python:-$NEWEST_FIRST}; do
        # shellcheck disable=SC2046  # three words
        if is_fit $(version_of "$candidate"); then
            printf '%s' "$candidate"
            return
        fi
    done
}

why_no_python() {
    first=${asked_python:-python3}
    # shellcheck disable=SC2046  # three words
    set -- $(version_of "$first")
    [ $# -eq 3 ] || set -- "" "" ""
    if [ -z "$1" ]; then
        say "$first does not run here: inkgate needs Python 3.10 or newer (sudo apt-get install python3 python3-venv)."
    elif [ "$1" != 64 ]; then
        say "$first is a 32-bit program, and LiteRT comes for 64 bit only: install Raspberry Pi OS (64-bit)."
    else
        say "$first is Python $2.$3: inkgate needs 3.10 or newer. Raspberry Pi OS 12 and Debian 12 have 3.11, Debian 13" \
            "has 3.13: upgrade the system, or name another by --python."
    fi
}

check_runtime() {
    case $runtime in
    ai-edge-litert) return ;;
    tflite-runtime) ;;
    *) fail "$WRONG_SYSTEM" "there is no runtime $runtime: ai-edge-litert or tflite-runtime" ;;
    esac
    # shellcheck disable=SC2046  # three words
    set -- $(version_of "$python")
    [ "$3" -le 11 ] || fail "$WRONG_SYSTEM" "tflite-runtime comes for Python 3.11 at most, and $python is 3.$3: leave" \
        "--runtime away, for ai-edge-litert, or name another Python by --python"
}

check_venv() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv, without which Python makes no virtual environment"
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null 2>&1 || true
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$WRONG_SYSTEM" "$python cannot make virtual environments: sudo apt-get install python3-venv, then this again."
}

check_places() {
    if [ -e "$prefix" ] && [ ! -f "$prefix/$MARKER" ] && [ -n "$(ls -A "$prefix")" ]; then
        fail "$WRONG_SYSTEM" "$prefix: is there, and not from here: name another place by --prefix, or if it is the" \
            "package's, remove that first: sudo apt-get remove inkgate"
    fi
    if [ -e "$link" ] || [ -L "$link" ]; then
        [ "$(readlink "$link")" = "$prefix/bin/inkgate" ] ||
            fail "$WRONG_SYSTEM" "$link: another inkgate is there: remove it, or name another folder by --bin"
    fi
    rm -rf "$gone"
    restore
    for folder in "$(dirname "$prefix")" "$bin" "$(dirname "$completion")"; do
        { mkdir -p "$folder" && [ -w "$folder" ]; } 2>/dev/null ||
            fail "$WRONG_SYSTEM" "$folder: cannot be written to: run this as root, or name another place (--prefix, --bin)"
    done
}

restore() { # the installation before this one, or before one that was killed
    [ ! -d "$before" ] || { rm -rf "$prefix" && mv "$before" "$prefix"; }
}

clean_up() {
    [ -z "$work" ] || rm -rf "$work"
    [ -n "$building" ] || return 0
    rm -rf "$prefix"
    restore
}

begin() { # the prefix, empty; what was there stands aside
    earlier_link='' earlier_completion=''
    if [ -e "$prefix/$MARKER" ]; then
        { read -r earlier_link && read -r earlier_completion; } <"$prefix/$MARKER" || true
        mv "$prefix" "$before"
    fi
    building=yes
    mkdir -p "$prefix" 2>/dev/null || fail "$NOT_INSTALLED" "$prefix: cannot be made: name another place by --prefix"
    printf '%s\n' "$link" "$completion" >"$prefix/$MARKER"
}

forget() { # LINK COMPLETION
    [ "$(readlink "$1")" != "$prefix/bin/inkgate" ] || rm -f "$1"
    rm -f "$2"
}

pip_install() {
    case $runtime in
    tflite-runtime) extra=edge-tflite-runtime constraints=constraints-tflite-runtime.txt ;;
    *) extra=edge constraints=constraints.txt ;;
    esac
    set -- "$work/source[$extra]"
    if [ "$(version_of "$python" | cut -d ' ' -f 3)" -ge 11 ]; then
        set -- -c "$here/$constraints" "$@"
    else
        say "Python 3.10: $constraints is for 3.11 and newer, so the newest versions that fit are installed"
    fi
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" >"$work/log" 2>&1 && return
    grep -i '^ *error' "$work/log" | tail -n 5 >&2 || true
    fail "$NOT_INSTALLED" "pip could not install inkgate into $prefix; it is as it was before. Is there a network, and half a" \
        "gigabyte on the disk (df -h $(dirname "$prefix"))? Then run this again."
}

install_all() {
    check_system
    python=$(find_python)
    [ -n "$python" ] || fail "$WRONG_SYSTEM" "$(why_no_python)"
    check_runtime
    check_places
    check_venv
    work=$(mktemp -d)
    mkdir "$work/source"
    for name in $PACKED; do
        cp -R "$here/$name" "$work/source/"
    done
    say "installing into $prefix, which takes a minute or more"
    begin
    "$python" -m venv "$prefix" >"$work/log" 2>&1 || fail "$NOT_INSTALLED" \
        "$python could not make a virtual environment in $prefix: $(tail -n 1 "$work/log")"
    pip_install
    "$prefix/bin/inkgate" completion bash >"$work/completion" 2>"$work/log" ||
        fail "$NOT_INSTALLED" "inkgate does not start: $(tail -n 1 "$work/log")"
    building=
    [ ! -d "$before" ] || { mv "$before" "$gone" && rm -rf "$gone"; }
    [ -z "$earlier_link" ] || forget "$earlier_link" "$earlier_completion"
    ln -sfn "$prefix/bin/inkgate" "$link"
    cp "$work/completion" "$completion"
    chmod 644 "$completion"
    say "$("$link" --version) is installed: $link"
    case :$PATH: in
    *":$bin:"*) ;;
    *) say "$bin is not on your path: log in again, or: export PATH=\"$bin:\$PATH\"" ;;
    esac
    say "next: inkgate doctor"
}

uninstall() {
    [ -e "$prefix" ] || restore
    [ -e "$prefix" ] || { say "nothing to remove: there is no $prefix" && return; }
    [ -f "$prefix/$MARKER" ] ||
        fail "$WRONG_SYSTEM" "$prefix: was not installed from here, so it stays; a package: sudo apt-get purge inkgate"
    { read -r link && read -r completion; } <"$prefix/$MARKER" ||
        fail "$WRONG_SYSTEM" "$prefix/$MARKER: is damaged: remove $prefix, its link and its completion by hand"
    forget "$link" "$completion"
    rm -rf "$before" "$gone" "$prefix"
    say "removed: $prefix, $link, $completion"
    say "users, keys and journals stay: ~/.config/inkgate, ~/.local/state/inkgate"
}

here=$(cd "$(dirname "$0")" && pwd -P)
asked_prefix='' asked_bin='' asked_python='' runtime=ai-edge-litert removing='' work='' building=''
while [ $# -gt 0 ]; do
    case $1 in
    --prefix) asked_prefix=$(value_of "$@") ;;
    --bin) asked_bin=$(value_of "$@") ;;
    --python) asked_python=$(value_of "$@") ;;
    --runtime) runtime=$(value_of "$@") ;;
    --uninstall)
        removing=yes
        shift
        continue
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) fail "$WRONG_SYSTEM" "no such option: $1: ./install.sh --help" ;;
    esac
    shift 2
done

if [ "$(id -u)" = 0 ]; then
    umask 022
    data=/usr/local/share
    prefix=$(absolute "${asked_prefix:-/opt/inkgate}")
    bin=$(absolute "${asked_bin:-/usr/local/bin}")
else
    [ -n "${HOME:-}" ] || fail "$WRONG_SYSTEM" "this user has no home folder (\$HOME): run this as root"
    data=${XDG_DATA_HOME:-$HOME/.local/share}
    prefix=$(absolute "${asked_prefix:-$data/inkgate}")
    bin=$(absolute "${asked_bin:-$HOME/.local/bin}")
fi
# Another folder of commands than the usual one: completion stays beside it too.
[ -z "$asked_bin" ] || data=$(dirname "$bin")/share
link=$bin/inkgate
before=$(dirname "$prefix")/.$(basename "$prefix").inkgate-before
gone=$(dirname "$prefix")/.$(basename "$prefix").inkgate-gone
completion=$data/bash-completion/completions/inkgate

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ -n "$removing" ]; then
    uninstall
else
    install_all
fi
