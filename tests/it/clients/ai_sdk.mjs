// Asks as programs with Vercel's AI SDK do, and prints what came back: `ai_sdk.mjs FORMAT`.

import { openai } from '@ai-sdk/openai';
import { Output, generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

const asking = {
  model: process.argv[2] === 'chat' ? openai.chat('human') : openai('human'),
  maxRetries: 0,
  providerOptions: { openai: { store: process.argv[2] !== 'unstored' } },
};
const tools = {
  get_weather: tool({
    description: 'Tells the weather.',
    inputSchema: z.object({ city: z.string(), days: z.number().int() }),
    execute: async ({ city, days }) => `${city} will be sunny for ${days} days`,
  }),
};
const tell = seen => console.log(JSON.stringify(seen));

const stream = streamText({
  ...asking,
  tools,
  stopWhen: isStepCount(5),
  prompt: 'Shall I go to Oslo?',
});
for await (const delta of stream.textStream) tell({ delta });
tell({
  scene: 'streamed',
  text: await stream.text,
  thoughts: (await stream.steps).map(step => step.reasoningText ?? null),
  reasons: (await stream.steps).map(step => step.finishReason),
  tokens: (await stream.usage).totalTokens,
});

const whole = await generateText({
  ...asking,
  tools,
  stopWhen: isStepCount(5),
  messages: [
    { role: 'user', content: 'Shall I go to Oslo?' },
    ...(await stream.response).messages,
    { role: 'user', content: 'And to Rome?' },
  ],
});
tell({
  scene: 'whole',
  text: whole.text,
  reasons: whole.steps.map(step => step.finishReason),
});

const parsed = await generateText({
  ...asking,
  output: Output.object({ schema: z.object({ word: z.string(), count: z.number() }) }),
  prompt: 'Which word?',
});
tell({ scene: 'parsed', output: parsed.output });

try {
  await generateText({ ...asking, prompt: 'Do my homework' });
} catch (error) {
  tell({ scene: 'rejected', name: error.name, message: error.message });
}
