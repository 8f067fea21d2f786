// The official Anthropic client for Node.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { ANSWER, GATEWAY_KEY, GATEWAY_URL, PIXEL, SYSTEM, rejection, run, simulator, versionOf } from "./checks.mjs";

const client = new Anthropic({ baseURL: GATEWAY_URL, apiKey: GATEWAY_KEY, maxRetries: 0, timeout: 15_000 });
const messages = [{ role: "user", content: "Hello" }];
const tools = [
  {
    name: "get_weather",
    description: "Weather.",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
  {
    name: "get_time",
    description: "Time.",
    input_schema: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] },
  },
];
const Person = z.object({ name: z.string(), age: z.number() });
const body = (model, more = {}) => ({ model, max_tokens: 2500, messages, ...more });
const ask = (model, more = {}, options = {}) => client.messages.create(body(model, more), options);
const inputs = (message) => message.content.filter((block) => block.type === "tool_use").map((block) => block.input);

await run({ client: "@anthropic-ai/sdk", version: versionOf("@anthropic-ai/sdk") }, [
  {
    feature: "chat",
    check: async ({ service }) => {
      const answer = await ask(service("plain"));
      assert.equal(answer.content[0].text, ANSWER);
      assert.equal(answer.stop_reason, "end_turn");
    },
  },
  {
    feature: "streaming",
    check: async ({ service }) => {
      let text = "";
      for await (const event of await ask(service("in-pieces"), { stream: true }))
        if (event.type === "content_block_delta") text += event.delta.text;
      assert.equal(text, ANSWER);
    },
  },
  {
    feature: "stream helper",
    check: async ({ service }) => {
      let text = "";
      const stream = client.messages.stream(body(service("plain"))).on("text", (delta) => {
        text += delta;
      });
      assert.equal((await stream.finalMessage()).content[0].text, ANSWER);
      assert.equal(text, ANSWER);
    },
  },
  {
    feature: "usage",
    check: async ({ service }) => {
      const whole = (await ask(service("plain"))).usage;
      const streamed = (await client.messages.stream(body(service("plain"))).finalMessage()).usage;
      assert.ok(whole.output_tokens > 5);
      assert.equal(streamed.output_tokens, whole.output_tokens);
      assert.equal(streamed.input_tokens, whole.input_tokens);
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
      assert.equal(answer.stop_reason, "tool_use");
      assert.deepEqual(inputs(answer), [{ city: "Paris" }]);
    },
  },
  {
    feature: "parallel tools, results sent back",
    check: async ({ service }) => {
      const first = await ask(service("many-tools"), { tools });
      assert.deepEqual(inputs(first), [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }]);
      const results = first.content
        .filter((block) => block.type === "tool_use")
        .map((block) => ({ type: "tool_result", tool_use_id: block.id, content: "sunny" }));
      const turns = [...messages, { role: "assistant", content: first.content }, { role: "user", content: results }];
      assert.equal(
        (await ask(service("many-tools"), { tools, messages: turns })).content[0].text,
        "It is sunny in both.",
      );
    },
  },
  {
    feature: "streamed tools",
    check: async ({ service }) => {
      const final = await client.messages.stream(body(service("many-tools"), { tools })).finalMessage();
      assert.deepEqual(inputs(final), [{ city: "Paris" }, { city: "Rome" }, { zone: "CET" }]);
    },
  },
  {
    feature: "structured output",
    check: async ({ service }) => {
      const output_config = { format: zodOutputFormat(Person) };
      const answer = await client.messages.parse(body(service("structured"), { output_config }));
      assert.equal(typeof answer.parsed_output.age, "number");
      const streamed = await client.messages.stream(body(service("structured"), { output_config })).finalMessage();
      assert.equal(typeof streamed.parsed_output.name, "string");
    },
  },
  {
    feature: "images",
    check: async ({ service }) => {
      for (const source of [
        { type: "base64", media_type: "image/png", data: PIXEL },
        { type: "url", url: "https://images.example/tide.png" },
      ]) {
        const content = [
          { type: "image", source },
          { type: "text", text: "What?" },
        ];
        await ask(service("plain"), { messages: [{ role: "user", content }] });
        assert.ok(JSON.stringify(await simulator.last()).includes(source.data ?? source.url));
      }
    },
  },
  {
    feature: "count tokens",
    check: async ({ service }) => {
      assert.ok((await client.messages.countTokens({ model: service("plain"), messages })).input_tokens > 0);
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
        "bad-request": Anthropic.BadRequestError,
        "too-long": Anthropic.BadRequestError,
        "filtered-prompt": Anthropic.BadRequestError,
        limited: Anthropic.RateLimitError,
        broken: Anthropic.InternalServerError,
      };
      for (const [behaviour, kind] of Object.entries(expected)) {
        const error = await rejection(ask(service(behaviour)));
        assert.ok(error instanceof kind, `${behaviour}: ${error}`);
        assert.match(error.requestID, /^req_/);
      }
      assert.ok((await rejection(ask("nobody"))) instanceof Anthropic.NotFoundError);
      const stranger = client.withOptions({ apiKey: "wrong" });
      assert.ok(
        (await rejection(stranger.messages.create(body(service("plain"))))) instanceof Anthropic.AuthenticationError,
      );
    },
  },
  {
    feature: "errors midway",
    check: async ({ service }) => {
      for (const behaviour of ["error-midway", "cut-midway"]) {
        let text = "";
        const stream = client.messages.stream(body(service(behaviour))).on("text", (delta) => {
          text += delta;
        });
        assert.ok((await rejection(stream.finalMessage())) instanceof Anthropic.AnthropicError);
        assert.ok(text && ANSWER.startsWith(text));
      }
    },
  },
  {
    feature: "retries",
    check: async ({ service }) => {
      const began = Date.now();
      assert.equal((await ask(service("limited-once"), {}, { maxRetries: 2 })).content[0].text, ANSWER);
      assert.ok(Date.now() - began >= 900);
    },
  },
  {
    feature: "timeouts",
    check: async ({ service }) => {
      assert.ok(
        (await rejection(ask(service("silent"), {}, { timeout: 300 }))) instanceof Anthropic.APIConnectionTimeoutError,
      );
      await simulator.until((stats) => stats.aborted === 1);
    },
  },
  {
    feature: "abort",
    check: async ({ service }) => {
      const stream = client.messages.stream(body(service("long")));
      stream.on("text", () => stream.abort());
      assert.ok((await rejection(stream.finalMessage())) instanceof Anthropic.APIUserAbortError);
      await simulator.until((stats) => stats.aborted_streams === 1);
    },
  },
  {
    feature: "headers",
    check: async ({ service }) => {
      const { response, request_id: id } = await ask(service("plain")).withResponse();
      assert.match(id, /^req_/);
      assert.ok(response.headers.get("x-tidegate-version").startsWith(service("plain")));
    },
  },
]);
