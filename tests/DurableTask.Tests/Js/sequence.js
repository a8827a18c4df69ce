"use strict";
const assert = require("node:assert/strict");
const { main, run, output } = require("./harness");

main(
  (worker) => {
    worker.addNamedActivity("add", (_, [left, right]) => left + right);
    worker.addNamedOrchestrator("sequence", async function* (context, start) {
      let value = start;
      for (let step = 1; step <= 5; step++) {
        value = yield context.callActivity("add", [value, step]);
      }

      context.setCustomStatus({ at: "end" });
      return { value, id: context.instanceId };
    });
  },
  async (client) => {
    const state = await run(client, "sequence", 10);
    assert.equal(state.runtimeStatus, 1);
    assert.deepEqual(output(state), { value: 25, id: state.instanceId });
    assert.equal(state.serializedInput, "10");
    assert.equal(state.serializedCustomStatus, '{"at":"end"}');
    assert.equal(state.name, "sequence");
    assert.ok(state.lastUpdatedAt >= state.createdAt);
    const history = await client.getOrchestrationHistory(state.instanceId);
    assert.equal(history.filter((event) => event.type === "TaskCompleted").length, 5);
  },
);
