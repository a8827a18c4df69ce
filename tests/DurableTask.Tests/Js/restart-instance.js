"use strict";
const assert = require("node:assert/strict");
const { main, done, output } = require("./harness");

const runs = {};

main(
  (worker) => {
    worker.addNamedOrchestrator("again", async function* (context, input) {
      runs[context.instanceId] = (runs[context.instanceId] ?? 0) + 1;
      return input.end === "wait" ? yield context.waitForExternalEvent("go") : input;
    });
  },
  async (client) => {
    await client.scheduleNewOrchestration("again", { end: 1 }, { instanceId: "one", tags: { a: "b" } });
    await done(client, "one");

    assert.equal(await client.restartOrchestration("one", false), "one");
    const same = await done(client, "one");
    assert.deepEqual(output(same), { end: 1 });
    assert.equal(runs.one, 2);

    const other = await client.restartOrchestration("one", true);
    assert.notEqual(other, "one");
    const copy = await done(client, other);
    assert.equal(copy.serializedInput, '{"end":1}');
    assert.deepEqual(copy.tags, { a: "b" });

    await client.scheduleNewOrchestration("again", { end: "wait" }, "running");
    await client.waitForOrchestrationStart("running");
    await assert.rejects(() => client.restartOrchestration("running", false));
    await assert.rejects(() => client.restartOrchestration("nobody", false));
    await client.terminateOrchestration("running", "end");
  },
);
