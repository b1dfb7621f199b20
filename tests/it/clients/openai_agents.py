"""Runs agents of openai-agents to their end, and prints what came of them: `openai_agents.py FORMAT`."""

import asyncio
import json
import sys

from agents import (Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool)
from openai import AsyncOpenAI
from pydantic import BaseModel

client = AsyncOpenAI(max_retries=0, timeout=60)
model = {"responses": OpenAIResponsesModel, "chat": OpenAIChatCompletionsModel}[sys.argv[1]](
    model="human", openai_client=client)


class Word(BaseModel):
    word: str
    count: int


@function_tool
def get_weather(city: str, days: int) -> str:
    """Tells the weather."""
    return f"{city} will be sunny for {days} days"


def tell(**seen):
    print(json.dumps(seen, ensure_ascii=False), flush=True)


def kinds(run):
    return [item.type.removesuffix("_item") for item in run.new_items]


async def main():
    guide = Agent(name="Guide", instructions="Guide the traveller.", model=model,
                  tools=[get_weather])
    run = Runner.run_streamed(guide, "Shall I go to Oslo?")
    async for event in run.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            tell(delta=event.data.delta)
    tell(scene="streamed", output=run.final_output, items=kinds(run))

    whole = await Runner.run(guide, run.to_input_list() + [
        {"role": "user", "content": "And to Rome?"}])
    tell(scene="whole", output=whole.final_output, items=kinds(whole),
         tokens=whole.context_wrapper.usage.total_tokens)

    clerk = Agent(name="Clerk", instructions="Count words.", model=model, output_type=Word)
    parsed = await Runner.run(clerk, "Which word?")
    tell(scene="parsed", output=parsed.final_output.model_dump())


asyncio.run(main())
