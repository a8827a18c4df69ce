"use strict";
// A second start with the id of an existing orchestration, by the first one's status.
const assert = require("node:assert/strict");
const { OrchestrationStatus } = require("@microsoft/durabletask-js");
const { main, done, output, until } = require("./harness");

main(
  (worker) => {
    worker.addNamedOrchestrator("first", async function* (context, end) {
      if (end === "throw") {
        throw new Error("first");
      }

      return end === "wait" ? yield context.waitForExternalEvent("go") : end;
    });
    worker.addNamedOrchestrator("second", async function* (_, input) {
      return input;
    });
  },
  async (client) => {
    // The package sends no policy: an ended instance is replaced, an unfinished one stays.
    const again = (instanceId) => client.scheduleNewOrchestration("second", "second", { instanceId });
    const starts = {
      completed: { input: "end", reach: (id) => done(client, id) },
      failed: { input: "throw", reach: (id) => done(client, id) },
      terminated: {
        reach: async (id) => {
          await client.terminateOrchestration(id, "no");
          await done(client, id);
        },
      },
      running: { reach: (id) => client.waitForOrchestrationStart(id) },
      suspended: {
        reach: async (id) => {
          await client.suspendOrchestration(id);
          await until(async () => (await client.getOrchestrationState(id)).runtimeStatus === 7, "suspended");
        },
      },
      pending: { startAt: new Date(Date.now() + 60_000), reach: async () => {} },
    };
    for (const [id, { input = "wait", startAt, reach }] of Object.entries(starts)) {
      await client.scheduleNewOrchestration("first", input, { instanceId: id, startAt });
      await reach(id);
      const { runtimeStatus } = await client.getOrchestrationState(id);
      assert.equal(runtimeStatus, OrchestrationStatus[id.toUpperCase()]);
      if (["completed", "failed", "terminated"].includes(id)) {
        await again(id);
        assert.equal(output(await done(client, id)), "second", id);
      } else {
        await assert.rejects(() => again(id), /exists/, id);
        const kept = await client.getOrchestrationState(id);
        assert.deepEqual([kept.name, kept.runtimeStatus], ["first", runtimeStatus]);
      }
    }
  },
);
