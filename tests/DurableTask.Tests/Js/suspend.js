"use strict";
const assert = require("node:assert/strict");
const { main, done, output, until, sleep } = require("./harness");

main(
  (worker) => {
    worker.addNamedOrchestrator("wait", async function* (context) {
      return yield context.waitForExternalEvent("go");
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("wait", undefined, "one");
    await client.waitForOrchestrationStart("one");
    await client.suspendOrchestration("one");
    await until(async () => (await client.getOrchestrationState("one")).runtimeStatus === 7, "suspended");
    await client.raiseOrchestrationEvent("one", "go", "later");
    await sleep(200);
    assert.equal((await client.getOrchestrationState("one")).runtimeStatus, 7);
    await client.resumeOrchestration("one");
    const state = await done(client, "one");
    assert.equal(state.runtimeStatus, 1);
    assert.equal(output(state), "later");
  },
);
