"use strict";
// The engine is stopped and started again after "ready" and before a line comes in; the worker stays connected to it.
const assert = require("node:assert/strict");
const { main, done, output, until } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("add", (_, value) => value + 1);
    worker.addNamedOrchestrator("wait", async function* (context, start) {
      const first = yield context.callActivity("add", start);
      yield context.createTimer(1);
      const event = yield context.waitForExternalEvent("go");
      return yield context.callActivity("add", first + event);
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("wait", 1, "survivor");
    await until(
      async () =>
        (await client.getOrchestrationHistory("survivor")).some((event) => event.type === "TimerCreated"),
      "timer is set",
    );
    process.stdout.write("ready\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    await until(
      async () => {
        try {
          await client.raiseOrchestrationEvent("survivor", "go", 10);
          return true;
        } catch {
          return false;
        }
      },
      "the engine is back",
    );
    assert.equal(output(await done(client, "survivor")), 13);
  },
);
