#!/usr/bin/env bash
# Makes the pictures docs/*.svg: the real Codex CLI beside humanllm, then humanllm alone with many
# who ask, a form and an image; the keys are typed by this script. Needs tmux, python3, curl and Codex
# (`npm install -g @openai/codex@0.169.0`, or CODEX set to the program). Touches nothing but those
# pictures and the build in target.
set -euo pipefail
cd "$(dirname "$0")/.."

codex=$(command -v "${CODEX:-codex}")
cargo build --release --locked
humanllm=${CARGO_TARGET_DIR:-$PWD/target}/release/humanllm

stage=$(mktemp -d)
mkdir -p "$stage/hello"
export HOME=$stage CODEX_HOME=$stage/codex XDG_CONFIG_HOME=$stage/config XDG_STATE_HOME=$stage/state
export HUMANLLM_LISTEN=127.0.0.1:${PORT:-3000} LANG=C.UTF-8 COLORTERM=truecolor
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
# Asks as client $1 in folder $2; the rest of the request is JSON on standard input.
ask() {
    python3 -c '
import json, sys
context = "<environment_context>\n  <cwd>%s</cwd>\n</environment_context>" % sys.argv[1]
request = {"model": "human", "stream": True, **json.load(sys.stdin)}
request["input"] = [{"role": "user", "content": context}, *request["input"]]
json.dump(request, sys.stdout)' "$2" |
        curl -sN "http://$HUMANLLM_LISTEN/v1/responses" -H 'Content-Type: application/json' \
            -A "$1" -d @- >/dev/null &
}
# Takes the picture docs/$1.svg, whose title is $2.
picture() {
    sleep 1
    camera capture-pane -e -p -N | python3 docs/screenshot.py "$2" >"$stage/picture.svg"
    mv "$stage/picture.svg" "docs/$1.svg"
}

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
picture screen 'Codex on the left; on the right humanllm, where a person answers it'

press $person Enter
shows $person 'delivered'
terminal kill-pane -t $agent
person=0.0
prompt() { printf '{"input": [{"role": "user", "content": "%s"}]}' "$1"; }
prompt 'Why does the parser test fail on Windows only?' | ask codex-tui/0.169.0 /srv/parser
sleep 1.5
prompt 'Review the last commit' | ask opencode/1.0 /srv/website
prompt 'Review the last commit' | ask claude-cli/2.0 /srv/parser
prompt 'Translate README.md to French' | ask aider/0.90 /srv/website
shows $person '4 waiting'
press $person F2
shows $person '▸ inbox'
picture inbox 'The inbox: those who wait come first, the longest wait on top'

press $person F2
cat >"$stage/form.json" <<'END'
{"input": [{"role": "user", "content": "Will I need an umbrella this week?"}],
 "tools": [{"type": "function", "name": "get_forecast", "description": "Weather of the next days.",
   "parameters": {"type": "object", "required": ["city", "days"], "properties": {
     "city": {"type": "string", "description": "Name of the city"},
     "days": {"type": "integer", "minimum": 1, "maximum": 14, "description": "How far ahead"},
     "unit": {"enum": ["celsius", "fahrenheit"], "default": "celsius"},
     "alerts": {"type": "array", "items": {"type": "object", "properties": {
       "above": {"type": "number"}, "mail": {"type": "string"}}}},
     "note": {"type": "string"}}}}]}
END
ask openai-agents/0.24 /srv/weather <"$stage/form.json"
shows $person 'new request'
press $person M-n
shows $person 'umbrella'
press $person C-t
shows $person 'get_forecast'
press $person Enter
shows $person 'city'
say $person 'Kyoto'
press $person Down
say $person '7'
press $person Down
press $person Down
press $person Enter
shows $person 'above'
picture form 'A tool is called with a form made from its schema'

python3 - >"$stage/image.json" <<'END'
import base64, json, math, struct, zlib
width, height = 96, 64
def pixel(x, y):
    hill = 40 + 9 * math.sin(x / 13) + 4 * math.sin(x / 5)
    if (x - 70) ** 2 + (y - 16) ** 2 < 90:
        return (255, 214, 102)
    if y > hill:
        return (40, max(60, 150 - 2 * y), 70)
    return (90 + y, 150 + y, 235)
rows = b"".join(b"\0" + bytes(c for x in range(width) for c in pixel(x, y)) for y in range(height))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
url = "data:image/png;base64," + base64.b64encode(png).decode()
content = [{"type": "input_text", "text": "What is in this picture?"},
           {"type": "input_image", "image_url": url}]
print(json.dumps({"input": [{"role": "user", "content": content}]}))
END
ask openai-python/3.52.0 /srv/pictures <"$stage/image.json"
shows $person 'new request'
press $person M-n
shows $person 'What is in this picture'
say $person 'A sunny day over green hills.'
shows $person 'green hills'
picture image 'An image that an agent sent, in a terminal'

# A model that drafts, on a server that says these two things.
cat >"$stage/model.py" <<'END'
import http.server, json, time
class Model(http.server.BaseHTTPRequestHandler):
    asked = 0
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        Model.asked += 1
        if Model.asked == 1:
            call = {"name": "exec_command", "arguments": json.dumps({"cmd": "python3 hello.py"})}
            self.say({"tool_calls": [{"index": 0, "id": "a", "function": call}]})
        else:
            for word in "It prints Hello, world! and nothing else. The file has one line, a call of".split():
                self.say({"content": word + " "})
                time.sleep(0.15)
            time.sleep(30)
        self.say({}, "stop")
    def say(self, delta, finish=None):
        event = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.flush()
http.server.ThreadingHTTPServer(("127.0.0.1", 8199), Model).serve_forever()
END
python3 "$stage/model.py" &
model=$!
mkdir -p "$stage/config/humanllm"
cat >"$stage/config/humanllm/config.toml" <<'END'
[drafting]
mode = "draft"
[[model]]
name = "qwen"
base_url = "http://127.0.0.1:8199/v1"
END
terminal respawn-pane -k -t $person -c "$stage/hello" -e "XDG_STATE_HOME=$stage/drafts" "exec '$humanllm'"
shows $person 'Nobody has asked'
terminal split-window -h -b -l 62 -c "$stage/hello" \
    "exec '$codex' --profile humanllm --dangerously-bypass-approvals-and-sandbox"
agent=0.0 person=0.1
shows $agent 'Ask Codex'
say $agent 'What does hello.py print?'
shows $agent 'hello.py print?'
press $agent Enter
shows $person 'python3 hello.py'
press $person Enter
shows $agent '└ Hello, world!'
shows $person 'The file has one line'
picture drafts 'Codex on the left; on the right humanllm, where a model drafts the answer for a person'
kill $model
