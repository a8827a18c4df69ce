"use strict";
const assert = require("node:assert/strict");
const { main, done, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedOrchestrator("receiver", async function* (context) {
      const first = yield context.waitForExternalEvent("Ping");
      const second = yield context.waitForExternalEvent("ping");
      const third = yield context.waitForExternalEvent("other");
      return [first, second, third];
    });
    worker.addNamedOrchestrator("sender", async function* (context, target) {
      context.sendEvent(target, "ping", { from: context.instanceId });
      return "sent";
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("receiver", undefined, "receiver");
    // The last one waited for comes first, and waits in the orchestration until it is asked for.
    await client.raiseOrchestrationEvent("receiver", "other", [1, 2]);
    await client.scheduleNewOrchestration("sender", "receiver", "sender");
    assert.equal(output(await done(client, "sender")), "sent");
    await client.raiseOrchestrationEvent("receiver", "PING", "from outside");
    const received = output(await done(client, "receiver"));
    assert.deepEqual(received, [{ from: "sender" }, "from outside", [1, 2]]);
    // Dropped without an error: nobody is there.
    await client.raiseOrchestrationEvent("receiver", "ping", 1);
    await client.raiseOrchestrationEvent("nobody", "ping", 1);
  },
);
