// The Vercel AI SDK with its OpenAI and Anthropic providers.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, Output, embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { ANSWER, GATEWAY_KEY, GATEWAY_URL, PIXEL, SYSTEM, rejection, run, simulator, versionOf } from "./checks.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const openai = createOpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: GATEWAY_KEY });
const anthropic = createAnthropic({ baseURL: `${GATEWAY_URL}/v1`, apiKey: GATEWAY_KEY });
const Person = z.object({ name: z.string(), age: z.number() });
const silent = { maxRetries: 0, onError: () => {} };

function toolsSeenBy(seen) {
  const look = (inputSchema) =>
    tool({
      description: "Looks it up.",
      inputSchema,
      execute: (given) => {
        seen.push(given);
        return "sunny";
      },
    });
  return { get_weather: look(z.object({ city: z.string() })), get_time: look(z.object({ zone: z.string() })) };
}

/** Checks that every model of the SDK passes, whatever its provider. */
function checksOf(modelOf) {
  return [
    {
      feature: "chat",
      check: async ({ service }) => {
        const answer = await generateText({ model: modelOf(service("plain")), prompt: "Hello", maxRetries: 0 });
        assert.equal(answer.text, ANSWER);
        assert.equal(answer.finishReason, "stop");
      },
    },
    {
      feature: "streaming",
      check: async ({ service }) => {
        let text = "";
        const answer = streamText({ model: modelOf(service("in-pieces")), prompt: "Hello", ...silent });
        for await (const delta of answer.textStream) text += delta;
        assert.equal(text, ANSWER);
        assert.equal(await answer.finishReason, "stop");
      },
    },
    {
      feature: "usage",
      check: async ({ service }) => {
        const whole = (await generateText({ model: modelOf(service("plain")), prompt: "Hello", maxRetries: 0 })).usage;
        const streamed = await streamText({ model: modelOf(service("plain")), prompt: "Hello", ...silent }).usage;
        assert.ok(whole.outputTokens > 5);
        assert.equal(streamed.outputTokens, whole.outputTokens);
        assert.equal(streamed.inputTokens, whole.inputTokens);
      },
    },
    {
      feature: "version's prompt",
      check: async ({ service }) => {
        await generateText({ model: modelOf(service("prompted")), prompt: "Hello", maxRetries: 0 });
        assert.ok(JSON.stringify(await simulator.last()).includes(SYSTEM));
      },
    },
    {
      feature: "tools",
      check: async ({ service }) => {
        const { get_weather } = toolsSeenBy([]);
        const answer = await generateText({
          model: modelOf(service("one-tool")),
          prompt: "Weather?",
          tools: { get_weather },
          maxRetries: 0,
        });
        assert.deepEqual(
          answer.toolCalls.map((call) => call.input),
          [{ city: "Paris" }],
        );
        assert.equal(answer.finishReason, "tool-calls");
      },
    },
    {
      feature: "parallel tools, results sent back",
      check: async ({ service }) => {
        const seen = [];
        const answer = await generateText({
          model: modelOf(service("many-tools")),
          prompt: "Weather?",
          tools: toolsSeenBy(seen),
          stopWhen: stepCountIs(3),
          maxRetries: 0,
        });
        assert.deepEqual(seen, [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }]);
        assert.equal(answer.text, "It is sunny in both.");
      },
    },
    {
      feature: "streamed tools",
      check: async ({ service }) => {
        const seen = [];
        const answer = streamText({
          model: modelOf(service("many-tools")),
          prompt: "Weather?",
          tools: toolsSeenBy(seen),
          stopWhen: stepCountIs(3),
          ...silent,
        });
        assert.equal(await answer.text, "It is sunny in both.");
        assert.deepEqual(seen, [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }]);
      },
    },
    {
      feature: "structured output",
      check: async ({ service }) => {
        const output = Output.object({ schema: Person });
        const answer = await generateText({
          model: modelOf(service("structured")),
          prompt: "Who?",
          output,
          maxRetries: 0,
        });
        assert.equal(typeof answer.output.age, "number");
        const streamed = streamText({ model: modelOf(service("structured")), prompt: "Who?", output, ...silent });
        assert.equal(typeof Person.parse(JSON.parse(await streamed.text)).name, "string");
      },
    },
    {
      feature: "images",
      check: async ({ service }) => {
        for (const image of [Buffer.from(PIXEL, "base64"), new URL("https://images.example/tide.png")]) {
          const content = [
            { type: "text", text: "What?" },
            { type: "image", image, mediaType: "image/png" },
          ];
          await generateText({
            model: modelOf(service("plain")),
            messages: [{ role: "user", content }],
            maxRetries: 0,
          });
          assert.ok(JSON.stringify(await simulator.last()).includes(image instanceof URL ? image.href : PIXEL));
        }
      },
    },
    {
      feature: "errors",
      check: async ({ service }) => {
        for (const [behaviour, status] of Object.entries({
          "bad-request": 400,
          "too-long": 400,
          limited: 429,
          broken: 500,
        })) {
          const error = await rejection(
            generateText({ model: modelOf(service(behaviour)), prompt: "Hello", maxRetries: 0 }),
          );
          assert.ok(APICallError.isInstance(error), `${behaviour}: ${error}`);
          assert.equal(error.statusCode, status);
        }
        const error = await rejection(generateText({ model: modelOf("nobody"), prompt: "Hello", maxRetries: 0 }));
        assert.match(error.message, /there is no service/);
      },
    },
    {
      feature: "errors midway",
      check: async ({ service }) => {
        for (const behaviour of ["error-midway", "cut-midway"]) {
          const parts = [];
          const answer = streamText({ model: modelOf(service(behaviour)), prompt: "Hello", ...silent });
          const read = async () => {
            for await (const part of answer.fullStream) {
              if (part.type === "error") throw part.error;
              parts.push(part.type);
            }
          };
          await rejection(read());
          assert.ok(parts.includes("text-delta"));
        }
      },
    },
    {
      feature: "retries",
      check: async ({ service }) => {
        const began = Date.now();
        const answer = await generateText({ model: modelOf(service("limited-once")), prompt: "Hello", maxRetries: 2 });
        assert.equal(answer.text, ANSWER);
        assert.ok(Date.now() - began >= 900);
      },
    },
    {
      feature: "timeouts",
      check: async ({ service }) => {
        await rejection(
          generateText({
            model: modelOf(service("silent")),
            prompt: "Hello",
            maxRetries: 0,
            abortSignal: AbortSignal.timeout(300),
          }),
        );
        await simulator.until((stats) => stats.aborted === 1);
      },
    },
    {
      feature: "abort",
      check: async ({ service }) => {
        const leaving = new AbortController();
        const answer = streamText({
          model: modelOf(service("long")),
          prompt: "Hello",
          abortSignal: leaving.signal,
          ...silent,
        });
        for await (const part of answer.fullStream) if (part.type === "text-delta") leaving.abort();
        await simulator.until((stats) => stats.aborted_streams === 1);
      },
    },
    {
      feature: "headers",
      check: async ({ service }) => {
        const { response } = await generateText({ model: modelOf(service("plain")), prompt: "Hello", maxRetries: 0 });
        assert.ok(response.headers["x-tidegate-version"].startsWith(service("plain")));
      },
    },
  ];
}

const onlyOpenai = (check) => ({ ...check, only: ["openai"] });
const refused = async ({ service }) => {
  const error = await rejection(
    generateText({ model: openai.responses(service("plain")), prompt: "Hello", maxRetries: 0 }),
  );
  assert.equal(error.statusCode, 400);
  assert.match(error.message, /cannot be served by a version whose provider speaks/);
};
const clients = {
  "Vercel AI, openai.chat": [
    ...checksOf(openai.chat),
    onlyOpenai({
      feature: "embeddings",
      check: async ({ service }) => {
        const answer = await embedMany({
          model: openai.embedding(service("plain")),
          values: ["a", "b"],
          maxRetries: 0,
        });
        assert.deepEqual(
          answer.embeddings.map((vector) => vector.length),
          [16, 16],
        );
      },
    }),
  ],
  "Vercel AI, openai (Responses)": [
    ...checksOf(openai.responses).map(onlyOpenai),
    { feature: "responses refused", only: ["anthropic"], check: refused },
  ],
  "Vercel AI, anthropic": checksOf(anthropic),
};
for (const [client, checks] of Object.entries(clients)) await run({ client, version: versionOf("ai") }, checks);
