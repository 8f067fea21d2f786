// The official OpenAI client for Node.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ANSWER, GATEWAY_KEY, GATEWAY_URL, PIXEL, SYSTEM, rejection, run, simulator, versionOf } from "./checks.mjs";

const client = new OpenAI({ baseURL: `${GATEWAY_URL}/v1`, apiKey: GATEWAY_KEY, maxRetries: 0, timeout: 15_000 });
const messages = [{ role: "user", content: "Hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const zoned = { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] };
const tools = [
  { type: "function", function: { name: "get_weather", description: "Weather.", parameters } },
  { type: "function", function: { name: "get_time", description: "Time.", parameters: zoned } },
];
const Person = z.object({ name: z.string(), age: z.number() });
const ask = (model, more = {}, options = {}) => client.chat.completions.create({ model, messages, ...more }, options);

await run({ client: "openai (Node)", version: versionOf("openai") }, [
  {
    feature: "chat",
    check: async ({ service }) => {
      const answer = await ask(service("plain"));
      assert.equal(answer.choices[0].message.content, ANSWER);
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.ok(Math.abs(answer.created - Date.now() / 1000) < 60);
    },
  },
  {
    feature: "streaming",
    check: async ({ service }) => {
      let text = "";
      for await (const chunk of await ask(service("in-pieces"), { stream: true }))
        text += chunk.choices[0]?.delta.content ?? "";
      assert.equal(text, ANSWER);
    },
  },
  {
    feature: "stream helper",
    check: async ({ service }) => {
      const stream = client.chat.completions.stream({ model: service("plain"), messages });
      let text = "";
      stream.on("content", (delta) => {
        text += delta;
      });
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].message.content, ANSWER);
      assert.equal(text, ANSWER);
    },
  },
  {
    feature: "usage",
    check: async ({ service }) => {
      const whole = (await ask(service("plain"))).usage;
      let streamed;
      for await (const chunk of await ask(service("plain"), { stream: true, stream_options: { include_usage: true } }))
        streamed = chunk.usage ?? streamed;
      assert.ok(whole.completion_tokens > 5);
      assert.equal(streamed.completion_tokens, whole.completion_tokens);
      assert.equal(streamed.prompt_tokens, whole.prompt_tokens);
    },
  },
  {
    feature: "version's prompt",
    check: async ({ service }) => {
      await ask(service("prompted"));
      assert.ok(JSON.stringify(await simulator.last()).includes(SYSTEM));
    },
  },
  {
    feature: "tools",
    check: async ({ service }) => {
      const answer = await ask(service("one-tool"), { tools });
      assert.equal(answer.choices[0].finish_reason, "tool_calls");
      assert.deepEqual(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments), { city: "Paris" });
    },
  },
  {
    feature: "parallel tools, results sent back",
    check: async ({ service }) => {
      const seen = [];
      const runner = client.chat.completions.runTools({
        model: service("many-tools"),
        messages,
        tools: tools.map((tool) => ({
          type: "function",
          function: {
            ...tool.function,
            parse: JSON.parse,
            function: (given) => {
              seen.push(given);
              return "sunny";
            },
          },
        })),
      });
      assert.equal(await runner.finalContent(), "It is sunny in both.");
      assert.deepEqual(seen, [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }]);
    },
  },
  {
    feature: "streamed tools",
    check: async ({ service }) => {
      const stream = client.chat.completions.stream({ model: service("many-tools"), messages, tools });
      const calls = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
      assert.deepEqual(
        calls.map((call) => JSON.parse(call.function.arguments)),
        [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }],
      );
    },
  },
  {
    feature: "structured output",
    check: async ({ service }) => {
      const format = zodResponseFormat(Person, "person");
      const answer = await client.chat.completions.parse({
        model: service("structured"),
        messages,
        response_format: format,
      });
      assert.equal(typeof answer.choices[0].message.parsed.age, "number");
      const stream = client.chat.completions.stream({
        model: service("structured"),
        messages,
        response_format: format,
      });
      assert.equal(typeof (await stream.finalChatCompletion()).choices[0].message.parsed.name, "string");
    },
  },
  {
    feature: "images",
    check: async ({ service }) => {
      for (const url of [`data:image/png;base64,${PIXEL}`, "https://images.example/tide.png"]) {
        const content = [
          { type: "text", text: "What?" },
          { type: "image_url", image_url: { url } },
        ];
        await ask(service("plain"), { messages: [{ role: "user", content }] });
        assert.ok(JSON.stringify(await simulator.last()).includes(url.startsWith("data") ? PIXEL : url));
      }
    },
  },
  {
    feature: "embeddings",
    only: ["openai"],
    check: async ({ service }) => {
      const answer = await client.embeddings.create({ model: service("plain"), input: ["a", "b"] });
      assert.equal(answer.data.length, 2);
      assert.equal(answer.data[0].embedding.length, 16);
    },
  },
  {
    feature: "embeddings refused",
    only: ["anthropic"],
    check: async ({ service }) => {
      const error = await rejection(client.embeddings.create({ model: service("plain"), input: "a" }));
      assert.ok(error instanceof OpenAI.BadRequestError);
    },
  },
  {
    feature: "completions",
    only: ["openai"],
    check: async ({ service }) => {
      assert.equal((await client.completions.create({ model: service("plain"), prompt: "a" })).choices[0].text, ANSWER);
    },
  },
  {
    feature: "responses",
    only: ["openai"],
    check: async ({ service }) => {
      assert.equal((await client.responses.create({ model: service("plain"), input: "a" })).output_text, ANSWER);
      const stream = client.responses.stream({ model: service("plain"), input: "a" });
      assert.equal((await stream.finalResponse()).output_text, ANSWER);
    },
  },
  {
    feature: "responses refused",
    only: ["anthropic"],
    check: async ({ service }) => {
      const error = await rejection(client.responses.create({ model: service("plain"), input: "a" }));
      assert.ok(error instanceof OpenAI.BadRequestError);
    },
  },
  {
    feature: "list of models",
    check: async ({ service }) => {
      const listed = [];
      for await (const model of client.models.list()) listed.push(model.id);
      assert.ok(listed.includes(service("plain")));
    },
  },
  {
    feature: "errors",
    check: async ({ service }) => {
      const expected = {
        "bad-request": OpenAI.BadRequestError,
        "too-long": OpenAI.BadRequestError,
        "filtered-prompt": OpenAI.BadRequestError,
        limited: OpenAI.RateLimitError,
        broken: OpenAI.InternalServerError,
      };
      for (const [behaviour, kind] of Object.entries(expected)) {
        const error = await rejection(ask(service(behaviour)));
        assert.ok(error instanceof kind, `${behaviour}: ${error}`);
        assert.match(error.requestID, /^req_/);
      }
      assert.ok((await rejection(ask("nobody"))) instanceof OpenAI.NotFoundError);
      const stranger = client.withOptions({ apiKey: "wrong" });
      assert.ok(
        (await rejection(stranger.chat.completions.create({ model: service("plain"), messages }))) instanceof
          OpenAI.AuthenticationError,
      );
    },
  },
  {
    feature: "errors midway",
    check: async ({ service }) => {
      for (const behaviour of ["error-midway", "cut-midway"]) {
        let text = "";
        const read = async () => {
          for await (const chunk of await ask(service(behaviour), { stream: true }))
            text += chunk.choices[0]?.delta.content ?? "";
        };
        assert.ok((await rejection(read())) instanceof OpenAI.APIError);
        assert.ok(text && ANSWER.startsWith(text));
      }
    },
  },
  {
    feature: "retries",
    check: async ({ service }) => {
      const began = Date.now();
      const answer = await ask(service("limited-once"), {}, { maxRetries: 2 });
      assert.equal(answer.choices[0].message.content, ANSWER);
      assert.ok(Date.now() - began >= 900);
    },
  },
  {
    feature: "timeouts",
    check: async ({ service }) => {
      assert.ok(
        (await rejection(ask(service("silent"), {}, { timeout: 300 }))) instanceof OpenAI.APIConnectionTimeoutError,
      );
      await simulator.until((stats) => stats.aborted === 1);
    },
  },
  {
    feature: "abort",
    check: async ({ service }) => {
      const stream = await ask(service("long"), { stream: true });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
      stream.controller.abort();
      await simulator.until((stats) => stats.aborted_streams === 1);
    },
  },
  {
    feature: "headers",
    check: async ({ service }) => {
      const { response } = await ask(service("plain")).withResponse();
      assert.match(response.headers.get("x-request-id"), /^req_/);
      assert.ok(response.headers.get("x-tidegate-version").startsWith(service("plain")));
    },
  },
]);
