"use strict";
const assert = require("node:assert/strict");
const { main, run, done, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("increment", (_, value) => value + 1);
    worker.addNamedOrchestrator("loop", async function* (context, value) {
      const next = yield context.callActivity("increment", value);
      if (next < 10) {
        context.continueAsNew(next, true);
        return;
      }

      return next;
    });
    worker.addNamedOrchestrator("collect", async function* (context, seen) {
      const item = yield context.waitForExternalEvent("item");
      if (item === null) {
        return seen;
      }

      context.continueAsNew([...seen, item], true);
    });
  },
  async (client) => {
    assert.equal(output(await run(client, "loop", 0)), 10);
    await client.scheduleNewOrchestration("collect", [], "collector");
    // In bursts, so that events come before, while and after a generation ends.
    for (let burst = 0; burst < 6; burst++) {
      for (let item = 0; item < 5; item++) {
        await client.raiseOrchestrationEvent("collector", "item", burst * 5 + item);
      }
    }

    await client.raiseOrchestrationEvent("collector", "item", null);
    assert.deepEqual(
      output(await done(client, "collector")),
      Array.from({ length: 30 }, (_, item) => item),
    );
  },
);
