//! Requests as Codex 0.169 sends them: the same sizes and shapes, filled with other words.

use serde_json::{Value, json};

/// What the bench can ask for: requests of Codex, made once and filled in for each.
pub struct Codex {
    pieces: Vec<Piece>,
    /// Whether the items have other ids in each thread, as they have from Codex.
    own_ids: bool,
}

/// A part of a body.
enum Piece {
    Same(String),
    /// The name of the thread.
    Thread,
    /// Who owns the ids of the items after the first.
    Owner,
    Prompt,
    Later,
}

/// What stands for those parts while the body is put together.
const SLOTS: [&str; 4] = ["@thread@", "@owner@", "@prompt@", "@later@"];

impl Codex {
    /// Requests that differ in the name of their thread and in the prompt; with `own_ids` also in
    /// the ids of all items but the first, which does not change from thread to thread.
    pub fn new(own_ids: bool) -> Self {
        let [thread, owner, prompt, later] = SLOTS;
        let mut words = Words::new(1);
        let instructions = [words.lines(17_000)];
        let skills = [words.lines(2_120), words.lines(360)];
        let context = [environment(&mut words)];
        let input = [
            message("0", "developer", &instructions),
            message(&format!("1{owner}"), "developer", &skills),
            message(&format!("2{owner}"), "user", &context),
            message(&format!("3{owner}"), "user", &[prompt.into()]),
            json!(later),
        ];
        let metadata = json!({"session_id": thread, "thread_id": thread, "turn_id": thread,
            "x-codex-installation-id": "00000000-0000-4000-8000-000000000000",
            "x-codex-window-id": format!("{thread}:0"),
            "x-codex-turn-metadata": words.lines(700)});
        let body = json!({"model": "human", "stream": true, "input": input,
            "tools": tools(&mut words), "tool_choice": "auto", "parallel_tool_calls": true,
            "reasoning": {"summary": "auto"}, "store": false,
            "include": ["reasoning.encrypted_content"], "prompt_cache_key": thread,
            "client_metadata": metadata});
        // Items stand there with their commas.
        let body = body.to_string().replace(&format!(",\"{later}\""), later);
        Self {
            pieces: pieces(&body),
            own_ids,
        }
    }

    /// A request of a thread that begins with `prompt` and goes on with `later`, items in JSON
    /// with a comma before each; with the head of HTTP, ready to be sent.
    pub fn request(&self, thread: u64, prompt: &str, later: &str) -> Vec<u8> {
        let id = format!("01a1fcf2-33b3-7df3-9f25-{thread:012x}");
        let owner = if self.own_ids { &id[20..] } else { "0" };
        let prompt = json!(prompt).to_string();
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Same(text) => text,
            Piece::Thread => id.as_str(),
            Piece::Owner => owner,
            Piece::Prompt => &prompt[1..prompt.len() - 1],
            Piece::Later => later,
        });
        let texts: Vec<&str> = texts.collect();
        let length: usize = texts.iter().map(|text| text.len()).sum();
        let mut request = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             accept: text/event-stream\r\nuser-agent: codex_cli_rs/0.169.0\r\nthread-id: {id}\r\n\
             content-length: {length}\r\n\r\n"
        );
        request.reserve(length);
        request.extend(texts);
        request.into_bytes()
    }
}

fn pieces(mut body: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let next = |body: &str| {
        let slots = SLOTS.iter().enumerate();
        let found = slots.filter_map(|(slot, name)| Some((body.find(name)?, slot)));
        found.min()
    };
    while let Some((start, slot)) = next(body) {
        pieces.push(Piece::Same(body[..start].to_owned()));
        pieces.push(match slot {
            0 => Piece::Thread,
            1 => Piece::Owner,
            2 => Piece::Prompt,
            _ => Piece::Later,
        });
        body = &body[start + SLOTS[slot].len()..];
    }
    pieces.push(Piece::Same(body.to_owned()));
    pieces
}

/// The output of a command of some size, as an item.
pub fn output(call_id: &str, marker: &str, size: usize) -> String {
    let lines = Words::new(3).lines(size);
    let output = format!(
        "Chunk ID: 82b5f8\nWall time: 0.0000 seconds\nProcess exited with code 0\n\
         Original token count: 5\nOutput:\n{marker}\n{lines}\n{marker}\n"
    );
    json!({"type": "function_call_output", "id": format!("fco_{call_id}"), "call_id": call_id,
        "output": output})
    .to_string()
}

/// A word that is on no screen yet. Those of neighbouring numbers have no letter in common, so
/// that a screen that showed one draws all letters of the next in one piece.
pub fn marker(number: usize) -> String {
    let letters = [b"ABCDEFGHJKLM", b"NPQRSTUVWXYZ"][number % 2];
    let digits = [1, 12, 144, 1728].map(|place| letters[number / 2 / place % 12]);
    let [first, .., last] = letters;
    let ends = [[*first, *last], [*last, *first]];
    let word = [&ends[0][..], &digits, &ends[1]].concat();
    String::from_utf8(word).expect("letters")
}

/// Words of no meaning, always the same for a seed.
pub struct Words(u64);

impl Words {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self, below: u64) -> u64 {
        // Xorshift, as good as any for this.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] = [
            "ra", "to", "mi", "len", "su", "ker", "da", "pon", "vi", "gal", "no", "tes", "ur",
            "bi", "son", "el",
        ];
        let count = 1 + self.next(3);
        let syllables = (0..count).map(|_| SYLLABLES[self.next(16) as usize]);
        syllables.collect()
    }

    /// Lower-case text of so many bytes, in lines as wide as people write them.
    pub fn lines(&mut self, size: usize) -> String {
        let mut text = String::with_capacity(size + 16);
        let mut column = 0;
        while text.len() < size {
            let word = self.word();
            column += word.len() + 1;
            text += &word;
            text.push(if column > 90 { '\n' } else { ' ' });
            column *= usize::from(column <= 90);
        }
        text.truncate(size);
        text
    }

    /// Text of so many bytes that does not compress to much less than half.
    pub fn noise(&mut self, size: usize) -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789 \n";
        let text = (0..size).map(|_| char::from(letters[self.next(38) as usize]));
        text.collect()
    }

    fn phrase(&mut self, size: usize) -> String {
        self.lines(size).replace('\n', " ")
    }
}

/// A message whose id is as long as that of Codex.
fn message(id: &str, role: &str, texts: &[String]) -> Value {
    let content: Vec<Value> = texts
        .iter()
        .map(|text| json!({"type": "input_text", "text": text}))
        .collect();
    json!({"type": "message", "id": format!("msg_{id:0>36}"), "role": role, "content": content})
}

fn environment(words: &mut Words) -> String {
    format!(
        "<environment_context>\n  <cwd>/home/{}</cwd>\n  <shell>bash</shell>\n  \
         <current_date>2026-11-21</current_date>\n  <timezone>Etc/UTC</timezone>\n  {}\n\
         </environment_context>",
        words.word(),
        words.phrase(200)
    )
}

/// Functions, a namespace of functions and a tool of the provider: 17 KB.
fn tools(words: &mut Words) -> Value {
    let plain: [(&str, &[&str], usize); 7] = [
        ("exec_command", &["cmd", "workdir", "tty", "login"], 1_350),
        ("write_stdin", &["session_id", "chars"], 550),
        ("request_user_input", &["questions"], 1_150),
        ("view_image", &["path"], 150),
        ("get_goal", &[], 100),
        ("create_goal", &["objective"], 500),
        ("update_goal", &["status"], 1_900),
    ];
    let agents: [(&str, &[&str], usize); 5] = [
        ("close_agent", &["target"], 350),
        ("resume_agent", &["id"], 100),
        ("send_input", &["target", "message", "interrupt"], 1_300),
        ("spawn_agent", &["agent_type", "message", "model"], 5_700),
        ("wait_agent", &["targets", "timeout_ms"], 600),
    ];
    let mut tools: Vec<Value> = plain
        .map(|(name, fields, size)| function(words, name, fields, size))
        .into();
    let agents = agents.map(|(name, fields, size)| function(words, name, fields, size));
    tools.insert(
        4,
        json!({"type": "namespace", "name": "multi_agent_v1",
            "description": words.phrase(44), "tools": agents}),
    );
    tools.push(json!({"type": "web_search", "external_web_access": true}));
    tools.into()
}

fn function(words: &mut Words, name: &str, fields: &[&str], size: usize) -> Value {
    let each = size / (fields.len() + 1);
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|field| {
            let schema = json!({"type": "string", "description": words.phrase(each)});
            ((*field).to_owned(), schema)
        })
        .collect();
    json!({"type": "function", "name": name, "description": words.phrase(each), "strict": false,
        "parameters": {"type": "object", "properties": properties,
            "required": fields.first().into_iter().collect::<Vec<_>>(),
            "additionalProperties": false}})
}
