"""Asks as programs with OpenAI's SDK do, and prints what came back: `openai_sdk.py SCENE`."""

import json
import sys

import openai
from pydantic import BaseModel

client = openai.OpenAI(max_retries=0, timeout=60)


class Word(BaseModel):
    word: str
    count: int


class GetWeather(BaseModel):
    """Tells the weather."""
    city: str
    days: int


# Red and blue stripes, and a document with nothing in it.
PICTURE = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR42mP4z8AA"
           "RwxI7P8MOGUAnqMP8Zdp9FMAAAAASUVORK5CYII=")
DOCUMENT = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"

PARAMETERS = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"],
              "additionalProperties": False}
FUNCTION = {"name": "exec_command", "description": "Runs a command", "parameters": PARAMETERS}


def tell(**seen):
    print(json.dumps(seen, ensure_ascii=False), flush=True)


def user(text):
    return {"role": "user", "content": text}


def failing(name, ask):
    try:
        ask()
    except openai.APIError as error:
        tell(scene=name, error=type(error).__name__, message=error.message,
             type=error.type, param=error.param, code=error.code)


def chat():
    stream = client.chat.completions.create(
        model="human", messages=[user("Greet me")], stream=True,
        stream_options={"include_usage": True})
    text, reasons, usage = "", [], None
    for chunk in stream:
        for choice in chunk.choices:
            if choice.delta.content:
                text += choice.delta.content
                tell(delta=choice.delta.content)
            reasons += [choice.finish_reason] if choice.finish_reason else []
        usage = chunk.usage or usage
    tell(scene="stream", text=text, reasons=reasons, usage=usage.model_dump())

    asked = [user("List the files")]
    tools = [{"type": "function", "function": {**FUNCTION, "strict": True}}]
    with client.chat.completions.stream(model="human", messages=asked, tools=tools) as stream:
        events = [event.type for event in stream]
        choice = stream.get_final_completion().choices[0]
    call = choice.message.tool_calls[0]
    tell(scene="call", events=events, reason=choice.finish_reason, name=call.function.name,
         arguments=call.function.parsed_arguments)
    asked += [choice.message.model_dump(include={"role", "content", "tool_calls"}),
              {"role": "tool", "tool_call_id": call.id, "content": "a-file.txt"}]
    whole = client.chat.completions.create(model="human", messages=asked, tools=tools)
    tell(scene="result", text=whole.choices[0].message.content, total=whole.usage.total_tokens)

    parsed = client.chat.completions.parse(
        model="human", messages=[user("Which word?")], response_format=Word)
    tell(scene="parse", parsed=parsed.choices[0].message.parsed.model_dump())


def chat_errors():
    def ask(text, **more):
        return client.chat.completions.create(model="human", messages=[user(text)], **more)
    failing("plain", lambda: ask("Do my homework"))
    failing("stream", lambda: list(ask("Do it anyway", stream=True)))
    failing("n", lambda: ask("Twice", n=2))
    failing("key", lambda: client.with_options(api_key="wrong").models.list())
    failing("model", lambda: client.models.retrieve("nobody"))
    tell(scene="models", ids=[model.id for model in client.models.list()])


def responses():
    text, types = "", []
    for event in client.responses.create(model="human", input="Greet me", stream=True):
        types.append(event.type)
        if event.type == "response.output_text.delta":
            text += event.delta
            tell(delta=event.delta)
    tell(scene="stream", text=text, types=types, status=event.response.status,
         output=event.response.usage.output_tokens)

    plain = client.responses.create(model="human", input="Once more")
    tell(scene="plain", text=plain.output_text, status=plain.status)

    tools = [{"type": "function", **FUNCTION, "strict": True}]
    with client.responses.stream(model="human", input="List the files", tools=tools) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_response()
    call = final.output[-1]
    tell(scene="call", last=events[-1], name=call.name, arguments=call.parsed_arguments)
    asked = [user("List the files"),
             {"type": "function_call", "call_id": call.call_id, "name": call.name,
              "arguments": call.arguments},
             {"type": "function_call_output", "call_id": call.call_id, "output": "a-file.txt"}]
    with client.responses.stream(model="human", input=asked, tools=tools) as stream:
        final = stream.get_final_response()
    tell(scene="result", text=final.output_text)

    parsed = client.responses.parse(model="human", input="Which word?", text_format=Word)
    tell(scene="parse", parsed=parsed.output_parsed.model_dump())

    failed = client.responses.create(model="human", input="Do my homework")
    tell(scene="failed", status=failed.status, message=failed.error.message)
    failing("input", lambda: client.responses.create(model="human", input=7))


def pictures():
    told = client.chat.completions.create(model="human", messages=[{"role": "user", "content": [
        {"type": "text", "text": "What is on it?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
        {"type": "file", "file": {"filename": "empty.pdf", "file_data": DOCUMENT}}]}])
    tell(scene="chat", text=told.choices[0].message.content)
    told = client.responses.create(model="human", input=[{"role": "user", "content": [
        {"type": "input_text", "text": "And on this?"},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
        {"type": "input_file", "filename": "blank.pdf", "file_data": DOCUMENT}]}])
    tell(scene="responses", text=told.output_text)


def tools():
    tool = openai.pydantic_function_tool(GetWeather, name="get_weather")
    parsed = client.chat.completions.parse(
        model="human", messages=[user("Shall I go to Oslo?")], tools=[tool])
    arguments = parsed.choices[0].message.tool_calls[0].function.parsed_arguments
    tell(scene="chat", type=type(arguments).__name__, arguments=arguments.model_dump())
    with client.responses.stream(
            model="human", input="Shall I go to Rome?", tools=[tool], text_format=Word) as stream:
        text = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    arguments = final.output[-1].parsed_arguments
    tell(scene="responses", text=text, type=type(arguments).__name__,
         arguments=arguments.model_dump(), parsed=final.output_parsed)


{"chat": chat, "chat_errors": chat_errors, "responses": responses,
 "pictures": pictures, "tools": tools}[sys.argv[1]]()
