"""Asks as programs with litellm do, and prints what came back: `litellm_sdk.py PROVIDER`."""

import json
import sys

import litellm

where = {"model": f"{sys.argv[1]}/human", "max_retries": 0, "timeout": 60}

TOOLS = [{"type": "function", "function": {
    "name": "exec_command", "description": "Runs a command", "parameters": {
        "type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}}}]


def tell(**seen):
    print(json.dumps(seen, ensure_ascii=False), flush=True)


def user(text):
    return {"role": "user", "content": text}


stream = litellm.completion(messages=[user("Greet me")], stream=True,
                            stream_options={"include_usage": True}, **where)
text, reasons, usage = "", [], None
for chunk in stream:
    for choice in chunk.choices:
        if choice.delta.content:
            text += choice.delta.content
            tell(delta=choice.delta.content)
        reasons += [choice.finish_reason] if choice.finish_reason else []
    usage = getattr(chunk, "usage", None) or usage
tell(scene="stream", text=text, reasons=reasons, usage=usage.model_dump())

asked = [user("List the files")]
chunks = list(litellm.completion(messages=asked, tools=TOOLS, stream=True, **where))
choice = litellm.stream_chunk_builder(chunks, messages=asked).choices[0]
call = choice.message.tool_calls[0]
tell(scene="call", reason=choice.finish_reason, name=call.function.name,
     arguments=json.loads(call.function.arguments))
asked += [choice.message.model_dump(),
          {"role": "tool", "tool_call_id": call.id, "content": "a-file.txt"}]
whole = litellm.completion(messages=asked, tools=TOOLS, **where)
tell(scene="result", text=whole.choices[0].message.content, total=whole.usage.total_tokens)

try:
    litellm.completion(messages=[user("Do my homework")], **where)
except litellm.BadRequestError as error:
    tell(scene="rejected", message=error.message)
