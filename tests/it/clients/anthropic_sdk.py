"""Asks as programs with Anthropic's SDK do, and prints what came back: `anthropic_sdk.py SCENE`."""

import json
import sys

import anthropic
from pydantic import BaseModel

client = anthropic.Anthropic(max_retries=0, timeout=60)

TOOLS = [{"name": "exec_command", "description": "Runs a command", "input_schema": {
    "type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}}]

# Red and blue stripes, and a document with nothing in it.
PICTURE = ("iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR42mP4z8AA"
           "RwxI7P8MOGUAnqMP8Zdp9FMAAAAASUVORK5CYII=")
DOCUMENT = "JVBERi0xLjQKJSVFT0YK"


class Word(BaseModel):
    word: str
    count: int


def tell(**seen):
    print(json.dumps(seen, ensure_ascii=False), flush=True)


def asking(text, **more):
    return {"model": "human", "max_tokens": 2000, "messages": [{"role": "user", "content": text}],
            **more}


def failing(name, ask):
    try:
        ask()
    except anthropic.APIStatusError as error:
        tell(scene=name, error=type(error).__name__, status=error.status_code, body=error.body)


def messages():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with client.messages.stream(**asking("Greet me", thinking=thinking)) as stream:
        for event in stream:
            if event.type == "thinking":
                tell(thinking=event.thinking)
            elif event.type == "text":
                tell(delta=event.text)
        final = stream.get_final_message()
    tell(scene="stream", blocks=[block.type for block in final.content],
         thinking=final.content[0].thinking,
         text="".join(block.text for block in final.content if block.type == "text"),
         reason=final.stop_reason, usage=final.usage.model_dump())

    asked = asking("List the files", tools=TOOLS)
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    call = final.content[-1]
    tell(scene="call", reason=final.stop_reason, name=call.name, input=call.input)
    asked["messages"] += [
        {"role": "assistant", "content": final.content},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": "a-file.txt"}]}]
    plain = client.messages.create(**asked)
    tell(scene="result", text=plain.content[0].text, reason=plain.stop_reason,
         output=plain.usage.output_tokens)

    parsed = client.messages.parse(**asking("Which word?"), output_format=Word)
    tell(scene="parse", parsed=parsed.parsed_output.model_dump())

    asked = asking("How long is this?")
    del asked["max_tokens"]
    tell(scene="count", tokens=client.messages.count_tokens(**asked).input_tokens)


def errors():
    def drain(stream):
        with stream as events:
            list(events)
    failing("plain", lambda: client.messages.create(**asking("Do my homework")))
    failing("stream", lambda: drain(client.messages.stream(**asking("Do it anyway"))))
    failing("bad", lambda: client.messages.create(**asking("x", extra_body={"messages": 7})))
    failing("key", lambda: client.with_options(api_key="wrong").messages.create(**asking("x")))
    failing("model", lambda: client.models.retrieve("nobody"))
    tell(scene="models", ids=[model.id for model in client.models.list()],
         name=client.models.retrieve("human").display_name)


def pictures():
    asked = asking([
        {"type": "text", "text": "What is on it?"},
        {"type": "image", "source": {
            "type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "document", "title": "empty.pdf", "source": {
            "type": "base64", "media_type": "application/pdf", "data": DOCUMENT}},
        {"type": "document", "title": "song.txt", "source": {
            "type": "text", "media_type": "text/plain", "data": "La la la"}}])
    tell(scene="pictures", text=client.messages.create(**asked).content[0].text)


@anthropic.beta_tool
def get_weather(city: str, days: int) -> str:
    """Tells the weather."""
    return f"{city} will be sunny for {days} days"


def tools():
    runner = client.beta.messages.tool_runner(tools=[get_weather],
                                              **asking("Shall I go to Oslo?"))
    final = runner.until_done()
    tell(scene="whole", text=final.content[-1].text, reason=final.stop_reason)
    runner = client.beta.messages.tool_runner(tools=[get_weather], stream=True,
                                              **asking("Shall I go to Rome?"))
    reasons = []
    for stream in runner:
        for event in stream:
            if event.type == "text":
                tell(delta=event.text)
        final = stream.get_final_message()
        reasons.append(final.stop_reason)
    tell(scene="streamed", text=final.content[-1].text, reasons=reasons)


{"messages": messages, "errors": errors, "pictures": pictures, "tools": tools}[sys.argv[1]]()
