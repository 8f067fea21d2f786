// Runs a client's checks against both upstreams and writes one JSON line for each.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const { GATEWAY_URL, GATEWAY_KEY, SIMULATOR_URL } = process.env;
export const ANSWER = process.env.EXPECTED_ANSWER;
export const SYSTEM = process.env.EXPECTED_SYSTEM;
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const CHECK_SECONDS = 20;

/** The installed version of a package, also of one that hides its package.json. */
export function versionOf(name) {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name && found.version) return found.version;
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
    folder = dirname(folder);
  }
}

/** The models' side of the gateway. */
export const simulator = {
  async get(path) {
    return (await fetch(`${SIMULATOR_URL}/simulator/${path}`)).json();
  },
  async reset() {
    await fetch(`${SIMULATOR_URL}/simulator/reset`, { method: "POST" });
  },
  /** Body of the last request that a model received. */
  async last() {
    return (await this.get("requests?limit=1"))[0].body;
  },
  async until(holds) {
    for (;;) {
      const stats = await this.get("stats");
      if (holds(stats)) return stats;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};

/**
 * @param client name and version for the table
 * @param checks feature -> async function of ({ service, upstream }); `only` names upstreams it is for,
 *   and a check called `<feature> refused` shows that the others say so in the client's words
 */
export async function run(client, checks) {
  process.stdout.write(`${JSON.stringify(client)}\n`);
  for (const upstream of ["openai", "anthropic"]) {
    for (const { feature, only, check } of checks) {
      if (only && !only.includes(upstream)) continue;
      await simulator.until((stats) => stats.concurrent === 0);
      await simulator.reset();
      process.stdout.write(`${JSON.stringify({ feature, upstream, ...(await outcomeOf(check, upstream)) })}\n`);
    }
  }
}

async function outcomeOf(check, upstream) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${CHECK_SECONDS} s`)), CHECK_SECONDS * 1000);
  });
  try {
    await Promise.race([check({ upstream, service: (behaviour) => `${behaviour}-on-${upstream}` }), late]);
    return { error: null };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The value that a promise is rejected with; anything else fails the check. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection, but it was fulfilled");
}
