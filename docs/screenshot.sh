#!/usr/bin/env bash
# Makes docs/screen.svg: the real Codex CLI on the left, humanllm on the right, and the keys typed
# by this script. Needs tmux, python3 and Codex (`npm install -g @openai/codex@0.169.0`, or CODEX
# set to the program). Touches nothing but docs/screen.svg and the build in target.
set -euo pipefail
cd "$(dirname "$0")/.."

codex=$(command -v "${CODEX:-codex}")
cargo build --release --locked
humanllm=${CARGO_TARGET_DIR:-$PWD/target}/release/humanllm

stage=$(mktemp -d)
mkdir -p "$stage/hello"
export HOME=$stage CODEX_HOME=$stage/codex XDG_CONFIG_HOME=$stage/config XDG_STATE_HOME=$stage/state
export HUMANLLM_LISTEN=127.0.0.1:${PORT:-3000} LANG=C.UTF-8
unset TMUX HUMANLLM_CONFIG HUMANLLM_STATE_DIR HUMANLLM_API_KEY
terminal() { tmux -L humanllm-screenshot -f /dev/null "$@"; }
# A terminal for the terminal, so that both panes can be captured with the border between them.
camera() { tmux -L humanllm-camera -f /dev/null "$@"; }
finish() {
    camera kill-server 2>/dev/null || true
    terminal kill-server 2>/dev/null || true
    rm -rf "$stage"
}
trap finish EXIT

# Waits until pane $1 shows $2.
shows() {
    for _ in $(seq 300); do
        if terminal capture-pane -p -t "$1" | grep -qF -- "$2"; then return; fi
        sleep 0.1
    done
    terminal capture-pane -p -t "$1" >&2
    echo "pane $1 never showed: $2" >&2
    exit 1
}
# Pastes $2 into pane $1. Codex takes Enter right after fast typing for a pasted line break.
say() {
    terminal set-buffer -- "$2"
    terminal paste-buffer -p -t "$1"
}
press() { terminal send-keys -t "$@"; }

"$humanllm" setup codex >/dev/null
columns=136 rows=30
terminal new-session -d -x $columns -y $rows -c "$stage/hello" \
    "exec '$codex' --profile humanllm --dangerously-bypass-approvals-and-sandbox"
terminal set-option -g status off
terminal set-option -g pane-border-style fg=brightblack
terminal set-option -g pane-active-border-style fg=brightblack
agent=0.0 person=0.1
terminal split-window -h -l 73 -c "$stage/hello" "exec '$humanllm'"
camera new-session -d -x $columns -y $rows 'TMUX= tmux -L humanllm-screenshot attach'
camera set-option -g status off
shows $person 'F1 help'
shows $agent 'Ask Codex'

say $agent 'Pythonでhello worldを実装してhello.pyに保存してください'
shows $agent '保存してください'
press $agent Enter
shows $person 'waiting'
press $person Tab
say $person '少々お待ちください…'
press $person Enter
shows $agent '少々お待ちください'
press $person '!'
shows $person '[Run command]'
say $person "echo 'print(\"Hello, world!\")' > hello.py"
press $person Enter
shows $person 'exit 0'
press $person '!'
shows $person '[Run command]'
say $person 'python3 hello.py'
press $person Enter
shows $agent '└ Hello, world!'
shows $person 'waiting'
say $person '保存しました。python3 hello.py で動きます。'
shows $person '動きます'
sleep 1

camera capture-pane -e -p -N |
    python3 docs/screenshot.py 'Codex on the left; on the right humanllm, where a person answers it' \
        >"$stage/screen.svg"
mv "$stage/screen.svg" docs/screen.svg
