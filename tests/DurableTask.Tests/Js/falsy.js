"use strict";
const assert = require("node:assert/strict");
const { main, done, output, until } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("echo", (_, value) => value);
    worker.addNamedOrchestrator("child", async function* (_, value) {
      return value;
    });
    worker.addNamedOrchestrator("all", async function* (context, value) {
      const seen = [value];
      seen.push(yield context.callActivity("echo", value));
      seen.push(yield context.callSubOrchestrator("child", value));
      seen.push(yield context.waitForExternalEvent("value"));
      return seen;
    });
    worker.addNamedOrchestrator("echo", async function* (_, value) {
      return value;
    });
  },
  async (client) => {
    for (const [index, value] of [0, "", false, null].entries()) {
      const id = `all-${index}`;
      await client.scheduleNewOrchestration("all", value, id);
      await client.raiseOrchestrationEvent(id, "value", value);
      const all = await done(client, id);
      assert.deepEqual(output(all), [value, value, value, value]);
      assert.equal(all.serializedInput, JSON.stringify(value));
      await client.scheduleNewOrchestration("echo", value, `echo-${index}`);
      assert.equal((await done(client, `echo-${index}`)).serializedOutput, JSON.stringify(value));
    }
  },
);
