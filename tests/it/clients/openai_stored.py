"""Goes on from what the server keeps, with OpenAI's SDK: `openai_stored.py SCENE`."""

import json
import sys
import time

import openai

client = openai.OpenAI(max_retries=0, timeout=60)


def tell(**seen):
    print(json.dumps(seen, ensure_ascii=False), flush=True)


def until_ended(response):
    """Asks for a background response again and again, as OpenAI's guide does."""
    while response.status in ("queued", "in_progress"):
        time.sleep(0.05)
        response = client.responses.retrieve(response.id)
    return response


def background():
    begun = client.responses.create(model="human", input="Think it over", background=True)
    tell(scene="begun", status=begun.status, background=begun.background)
    ended = until_ended(begun)
    tell(scene="ended", status=ended.status, text=ended.output_text,
         output=ended.usage.output_tokens)

    # A stream that breaks, and is taken up where it broke.
    stream = client.responses.create(
        model="human", input="Think aloud", background=True, stream=True)
    for event in stream:
        last = event.sequence_number
        if event.type == "response.created":
            response = event.response.id
        if event.type == "response.output_text.done":
            tell(note=event.text)
            break
    stream.close()
    rest = client.responses.retrieve(response, stream=True, starting_after=last)
    text = [event.text for event in rest if event.type == "response.output_text.done"]
    tell(scene="resumed", text=text)

    cancelled = client.responses.create(model="human", input="Never mind", background=True)
    cancelled = client.responses.cancel(cancelled.id)
    tell(scene="cancelled", status=cancelled.status)


def chain():
    first = client.responses.create(model="human", input="My name is Ada")
    second = client.responses.create(
        model="human", input="What is my name?", previous_response_id=first.id)
    tell(scene="chain", text=second.output_text, previous=second.previous_response_id == first.id)

    items = client.responses.input_items.list(second.id, order="asc", limit=1)
    tell(scene="items", texts=[item.content[0].text for item in items])
    counted = client.responses.input_tokens.count(
        model="human", input="And now?", previous_response_id=second.id)
    tell(scene="tokens", tokens=counted.input_tokens)

    client.responses.delete(first.id)
    try:
        client.responses.retrieve(first.id)
    except openai.NotFoundError as error:
        tell(scene="deleted", message=error.message)
    try:
        client.responses.create(
            model="human", input="Hello?", previous_response_id=first.id)
    except openai.BadRequestError as error:
        tell(scene="unknown", code=error.code, param=error.param)

    conversation = client.conversations.create(
        items=[{"type": "message", "role": "user", "content": "Call me Bob"}])
    third = client.responses.create(
        model="human", input="Who am I?", conversation=conversation.id)
    items = client.conversations.items.list(conversation.id, order="asc")
    tell(scene="conversation", id=third.conversation.id == conversation.id,
         texts=[item.content[0].text for item in items])


def compact():
    compacted = client.responses.compact(
        model="human", input=[{"role": "user", "content": "We launch on Tuesday"},
                              {"role": "assistant", "content": "Noted"}])
    tell(scene="compacted", types=[item.type for item in compacted.output])
    history = [item.model_dump(exclude_none=True) for item in compacted.output]
    response = client.responses.create(
        model="human", input=[*history, {"role": "user", "content": "When?"}])
    tell(scene="after", text=response.output_text)


def websocket():
    with client.responses.connect() as connection:
        connection.response.create(model="human", input="One", store=False)
        first = next(event for event in connection if event.type == "response.completed")
        connection.response.create(
            model="human", input="Two", store=False, previous_response_id=first.response.id)
        second = next(event for event in connection if event.type == "response.completed")
        tell(scene="socket", texts=[first.response.output_text, second.response.output_text])


{"background": background, "chain": chain, "compact": compact, "websocket": websocket}[sys.argv[1]]()
